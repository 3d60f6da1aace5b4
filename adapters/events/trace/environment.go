package trace

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// The standard variables that more than one place needs to know.
const (
	varDisabled     = "OTEL_SDK_DISABLED"
	varExporter     = "OTEL_TRACES_EXPORTER"
	varSampler      = "OTEL_TRACES_SAMPLER"
	varSamplerArg   = "OTEL_TRACES_SAMPLER_ARG"
	varPropagators  = "OTEL_PROPAGATORS"
	varResource     = "OTEL_RESOURCE_ATTRIBUTES"
	prefixOTLP      = "OTEL_EXPORTER_OTLP_"
	prefixOTLPTrace = prefixOTLP + "TRACES_"
)

// What follows prefixOTLP, or prefixOTLPTrace for traces alone.
const (
	suffixEndpoint    = "ENDPOINT"
	suffixProtocol    = "PROTOCOL"
	suffixHeaders     = "HEADERS"
	suffixCompression = "COMPRESSION"
	suffixTimeout     = "TIMEOUT"
	suffixInsecure    = "INSECURE"
	suffixCertificate = "CERTIFICATE"
	suffixClientChain = "CLIENT_CERTIFICATE"
	suffixClientKey   = "CLIENT_KEY"
)

// Variables names all variables, for a problem that no single one is to blame for.
const Variables = "OTEL_*"

// Finding is a variable that does not have the effect that its value asks for. It holds no value,
// which may be a credential.
type Finding struct{ Variable, Problem, Remedy string }

// Settings is what the environment says of traces. The zero value asks for none.
type Settings struct {
	requested bool
	unusable  bool // a finding is of a kind that there are no traces for
	findings  []Finding

	endpoint *url.URL // nil for the default
	insecure bool     // without TLS, if there is no endpoint
	headers  http.Header
	gzip     bool
	timeout  time.Duration
	tls      *tls.Config // nil for the defaults
}

// Usable reports whether the environment asks for traces, in a way in which there can be some.
func (s *Settings) Usable() bool { return s.requested && !s.unusable }

// Findings returns what is wrong with the variables, if the environment does not turn traces off.
func (s *Settings) Findings() []Finding { return s.findings }

// environment reads variables into settings.
type environment struct {
	values map[string]string // as they are set
	*Settings
}

// value returns the value of a variable without white space around it, and "" for one that is not
// set: for the specification, that is the same as an empty one.
func (e *environment) value(variable string) string {
	return strings.TrimSpace(e.values[variable])
}

// Read reads the variables of an environment in the form of os.Environ, and the files that they
// name. Traces are asked for by an exporter other than none, or by the address of a collector.
//
// What the SDK would ignore, as the specification demands, is a finding, and is ignored. If that
// would send spans elsewhere, to a stranger, or not at all, there are no traces.
func Read(environ []string) Settings {
	e := environment{values: map[string]string{}, Settings: &Settings{timeout: defaultTimeout}}
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		if value != "" && strings.HasPrefix(name, "OTEL_") {
			e.values[name] = value
		}
	}
	exporter := e.value(varExporter)
	if strings.EqualFold(e.value(varDisabled), "true") ||
		strings.EqualFold(exporter, exporterNone) {
		return *e.Settings
	}
	_, endpoint := e.otlp(suffixEndpoint)
	e.requested = exporter != "" || endpoint != ""
	if e.requested {
		e.checkDestination()
		e.checkTLS()
		e.checkOTLP()
		e.checkSampler()
		e.checkNumbers()
		e.checkResource()
	}
	e.checkNames()
	return *e.Settings
}

// otlp returns the variable of the exporter that counts, and its value: the one for traces alone,
// or else the one for all signals.
func (e *environment) otlp(suffix string) (variable, value string) {
	if value := e.value(prefixOTLPTrace + suffix); value != "" {
		return prefixOTLPTrace + suffix, value
	}
	return prefixOTLP + suffix, e.value(prefixOTLP + suffix)
}

// ignored records a value that has no effect, or not the one that it asks for.
func (e *environment) ignored(variable, problem, remedy string) {
	e.findings = append(e.findings, Finding{variable, problem, remedy})
}

// prevents records a value that there are no traces for.
func (e *environment) prevents(variable, problem, remedy string) {
	e.unusable = true
	e.ignored(variable, problem+", so that there are no traces", remedy)
}

// errRedirected is returned for a collector that redirects. It is not followed: the headers, which
// may hold a credential, would go to wherever it points, and net/http keeps back only some of them.
var errRedirected = errors.New("the collector redirects, which is not followed")

// client returns the client that exports. The SDK's own would follow redirects.
func (s *Settings) client() *http.Client {
	return &http.Client{
		Timeout: s.timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return errRedirected
		},
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			TLSClientConfig:     s.tls,
			TLSHandshakeTimeout: s.timeout,
			IdleConnTimeout:     idleTimeout,
			ForceAttemptHTTP2:   true,
		},
	}
}

// defaultTimeout is how long an export may take, by the specification. idleTimeout is how long an
// idle connection to the collector stays open.
const (
	defaultTimeout = 10 * time.Second
	idleTimeout    = 90 * time.Second
)
