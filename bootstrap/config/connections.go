package config

import "fmt"

const (
	// descriptorReserve is how many file descriptors are kept for everything but connections of the
	// public listener: the operations listener, the shared storage and files.
	descriptorReserve = 64
	// connectionMemory is how many bytes of memory are reckoned for each connection.
	connectionMemory = 96 << 10
	// fewConnections is the number below which a bound that the machine imposes is worth a warning,
	// even if the operator has chosen no number.
	fewConnections = 4096
)

// maxConnections returns how many connections may be open at once: what the configuration says, or
// as many as the machine allows.
func (r *reviewer) maxConnections() int {
	wanted, capacity := r.fields.MaxConnections, r.loader.Capacity
	if r.broken[varMaxConnections] {
		return wanted
	}
	bound, cause, remedy := wanted, "", ""
	if limit := capacity.Descriptors; limit > 0 && limit-descriptorReserve < int64(bound) {
		bound = int(max(limit-descriptorReserve, 1))
		cause = fmt.Sprintf("the process may open %d files", limit)
		remedy = fmt.Sprintf("raise the limit of open files to at least %d (LimitNOFILE= in "+
			"systemd, ulimit -n)", wanted+descriptorReserve)
	}
	if limit := capacity.Memory; limit > 0 && limit/connectionMemory < int64(bound) {
		bound = int(max(limit/connectionMemory, 1))
		cause = fmt.Sprintf("the process may use %d MiB of memory", limit>>20)
		remedy = fmt.Sprintf("give it at least %d MiB", 1+wanted*connectionMemory>>20)
	}
	explicit := r.origin(varMaxConnections) != originDefault
	if bound < wanted && (explicit || bound < fewConnections) {
		r.warnOf(varMaxConnections, fmt.Sprintf("is lowered from %d to %d: %s", wanted, bound,
			cause), fmt.Sprintf("%s, or set %s=%d", remedy, varMaxConnections, bound))
	}
	return bound
}
