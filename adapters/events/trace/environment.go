package trace

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// The names of standard variables, and the prefixes of those of the OTLP exporter: for all signals,
// and for traces only.
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

// The suffixes that follow prefixOTLP or prefixOTLPTrace.
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

// Variables stands for all variables in a problem that cannot be attributed to one.
const Variables = "OTEL_*"

// Finding reports a variable whose value does not have the intended effect. It does not contain the
// value, which may be a credential. Problem continues a sentence that begins with Variable.
type Finding struct{ Variable, Problem, Remedy string }

// Settings holds the configuration of traces that Read found. The zero value requests none.
type Settings struct {
	requested bool
	unusable  bool // a finding prevents traces
	findings  []Finding

	endpoint *url.URL // nil for the default
	insecure bool     // without TLS, if there is no endpoint
	headers  http.Header
	gzip     bool
	timeout  time.Duration
	tls      *tls.Config // nil for the defaults
}

// Usable reports whether the environment requests traces and no finding prevents them.
func (s *Settings) Usable() bool { return s.requested && !s.unusable }

// Findings returns what is wrong with the variables; nothing if the environment turns traces off.
func (s *Settings) Findings() []Finding { return s.findings }

// environment reads variables into settings.
type environment struct {
	values map[string]string // by the name of the variable, untrimmed; none is empty
	*Settings
}

// value returns the value of a variable without surrounding white space. It returns "" for one that
// is not set: the specification makes no difference between an empty and an unset variable.
func (e *environment) value(variable string) string {
	return strings.TrimSpace(e.values[variable])
}

// Read reads the variables of an environment in the form of os.Environ, and the files that they
// name. An exporter other than none requests traces, and so does the address of a collector.
//
// A value that the SDK would ignore, as the specification demands, is a finding and is ignored. If
// spans would then go to an unintended receiver, or nowhere, the finding prevents traces.
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

// otlp returns the variable of the exporter that takes precedence, and its value: the one for
// traces only if it is set, otherwise the one for all signals.
func (e *environment) otlp(suffix string) (variable, value string) {
	if value := e.value(prefixOTLPTrace + suffix); value != "" {
		return prefixOTLPTrace + suffix, value
	}
	return prefixOTLP + suffix, e.value(prefixOTLP + suffix)
}

// addFinding records a value that has no effect, or not the intended one.
func (e *environment) addFinding(variable, problem, remedy string) {
	e.findings = append(e.findings, Finding{variable, problem, remedy})
}

// preventTraces records a value with which there are no traces.
func (e *environment) preventTraces(variable, problem, remedy string) {
	e.unusable = true
	e.addFinding(variable, problem+", so that there are no traces", remedy)
}

// errRedirected is the error of an export if the collector redirects. A redirect is not followed,
// because the other server would receive the headers, which may hold a credential: net/http removes
// only some of them.
var errRedirected = errors.New("the collector redirects, which is not followed")

// client returns the HTTP client for exports. The SDK's own would follow redirects.
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

const (
	// defaultTimeout is how long an attempt to export may take by default, as the specification
	// demands.
	defaultTimeout = 10 * time.Second
	// idleTimeout is how long an idle connection to the collector stays open.
	idleTimeout = 90 * time.Second
)
