package harness

// Env is the environment of a service. Apart from PATH and HOME, nothing of the test's own
// environment is passed on.
type Env map[string]string

// With returns e merged with more, which takes precedence.
func (e Env) With(more Env) Env {
	merged := Env{}
	for name, value := range e {
		merged[name] = value
	}
	for name, value := range more {
		merged[name] = value
	}
	return merged
}

// toServe returns e with an environment for development and with ports chosen by the system, unless
// e sets them.
func (e Env) toServe() Env {
	return Env{"OFFLOAD_ENVIRONMENT": "development", "OFFLOAD_HTTP_ADDR": "127.0.0.1:0",
		"OFFLOAD_OPS_ADDR": "127.0.0.1:0"}.With(e)
}

// list returns the environment as NAME=value strings.
func (e Env) list() []string {
	list := make([]string, 0, len(e))
	for name, value := range e {
		list = append(list, name+"="+value)
	}
	return list
}

// Production returns the minimal settings of a production-like environment, and more.
func Production(more Env) Env {
	return Env{"OFFLOAD_ENVIRONMENT": "production",
		"OFFLOAD_SESSION_SECRET": StrongSecret}.With(more)
}

// BehindProxy returns an environment that trusts the forwarding headers of the peer 127.0.0.1, and
// more.
func BehindProxy(more Env) Env {
	return Env{"OFFLOAD_TRUSTED_PROXIES": "127.0.0.1"}.With(more)
}
