package trace

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/offload/sessiond/adapters/system/securefile"
)

// The values of variables that are words. The specification demands that their case is ignored.
const (
	exporterOTLP    = "otlp"
	exporterNone    = "none"
	protocolHTTP    = "http/protobuf"
	compressionGzip = "gzip"
	compressionNone = "none"
	samplerRatio    = "traceidratio"
	samplerParent   = "parentbased_traceidratio"
)

// samplers lists the samplers.
var samplers = []string{"always_on", "always_off", samplerRatio, "parentbased_always_on",
	"parentbased_always_off", samplerParent}

// checkDestination checks the exporter, its protocol and the endpoint, and sets endpoint.
func (e *environment) checkDestination() {
	exporter := e.value(varExporter)
	if exporter != "" && !strings.EqualFold(exporter, exporterOTLP) {
		e.preventTraces(varExporter, "names an exporter that is not supported",
			"set it to otlp, or to none for no traces")
	}
	if variable, protocol := e.otlp(suffixProtocol); protocol != "" &&
		!strings.EqualFold(protocol, protocolHTTP) {
		e.preventTraces(variable, "names a protocol that is not supported",
			"set it to http/protobuf, and the endpoint to the collector's port for OTLP over "+
				"HTTP, usually 4318")
	}
	variable, value := e.otlp(suffixEndpoint)
	if value == "" {
		return
	}
	const remedy = "name the collector like https://collector.example.org:4318"
	endpoint, err := url.Parse(value)
	if err != nil || endpoint.Scheme != "http" && endpoint.Scheme != "https" ||
		endpoint.Hostname() == "" || !validPort(endpoint.Port()) {
		e.preventTraces(variable,
			"is not an address that begins with http:// or https:// and has a host", remedy)
		return
	}
	if endpoint.User != nil || endpoint.RawQuery != "" || endpoint.Fragment != "" {
		e.addFinding(variable, "has a user, a query or a fragment, which is not sent",
			"remove it; what authorizes the service belongs in "+prefixOTLP+suffixHeaders)
	}
	e.endpoint = &url.URL{Scheme: endpoint.Scheme, Host: endpoint.Host, Path: endpoint.Path}
	if variable == prefixOTLP+suffixEndpoint { // the base of the paths of all signals
		e.endpoint.Path = path.Join("/", endpoint.Path, "v1/traces")
	}
}

// validPort reports whether a port of a URL is empty or a number that a port can have.
func validPort(port string) bool {
	number, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil && number > 0
}

// maxTLSFile is the maximum size of a file for TLS, in bytes.
const maxTLSFile = 1 << 20

// checkTLS reads the files for TLS with the collector, and sets tls if variables name any.
func (e *environment) checkTLS() {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	named := ""
	if variable, file := e.otlp(suffixCertificate); file != "" {
		named = variable
		config.RootCAs = x509.NewCertPool()
		if text, ok := e.file(variable, file); ok && !config.RootCAs.AppendCertsFromPEM(text) {
			e.preventTraces(variable, "names a file that holds no certificate in PEM",
				"use the certificates of the collector's authorities in PEM")
		}
	}
	if variable, pair := e.clientPair(); variable != "" {
		named = variable
		config.Certificates = []tls.Certificate{pair}
	}
	if named == "" {
		return
	}
	e.tls = config
	if e.endpoint != nil && e.endpoint.Scheme == "http" {
		e.preventTraces(named, "is for TLS, and the endpoint begins with http://",
			"use an endpoint that begins with https://")
	}
}

// clientPair reads the certificate of the client and its key. It returns the variable of the
// certificate, or "" if none is set. Like the SDK, it uses two variables with the same prefix.
func (e *environment) clientPair() (variable string, pair tls.Certificate) {
	prefix := prefixOTLPTrace
	if e.value(prefix+suffixClientChain) == "" && e.value(prefix+suffixClientKey) == "" {
		prefix = prefixOTLP
	}
	ofChain, ofKey := prefix+suffixClientChain, prefix+suffixClientKey
	switch chainFile, keyFile := e.value(ofChain), e.value(ofKey); {
	case chainFile == "" && keyFile == "":
		return "", pair
	case chainFile == "":
		e.preventTraces(ofKey, "needs "+ofChain+" too", "set both, or neither")
	case keyFile == "":
		e.preventTraces(ofChain, "needs "+ofKey+" too", "set both, or neither")
	default:
		chain, readChain := e.file(ofChain, chainFile)
		key, readKey := e.file(ofKey, keyFile)
		if !readChain || !readKey {
			break
		}
		var err error
		if pair, err = tls.X509KeyPair(chain, key); err != nil {
			e.preventTraces(ofChain, "and "+ofKey+" name no certificate with its key in PEM",
				"use the client's certificate and the key that belongs to it")
		}
	}
	return ofChain, pair
}

// file reads the file that variable names. It records a finding and returns false if that fails.
func (e *environment) file(variable, name string) ([]byte, bool) {
	read, err := securefile.Read(name, maxTLSFile)
	if err == nil {
		return read.Content, true
	}
	if fault, ok := errors.AsType[*securefile.Fault](err); ok {
		e.preventTraces(variable, "names a file that "+fault.Error(), fault.Remedy)
	}
	return nil, false
}

// checkOTLP checks the other variables of the exporter.
func (e *environment) checkOTLP() {
	e.checkHeaders()
	if variable, word := e.otlp(suffixCompression); word != "" {
		e.gzip = strings.EqualFold(word, compressionGzip)
		if !e.gzip && !strings.EqualFold(word, compressionNone) {
			e.addFinding(variable,
				"names a compression that is not supported, so that there is none",
				"set it to gzip or none")
		}
	}
	if variable, text := e.otlp(suffixTimeout); text != "" {
		number, err := strconv.Atoi(text)
		if err != nil || number < 1 || number > math.MaxInt32 {
			e.addFinding(variable, "is not a number of milliseconds, so that it is 10000",
				"set a number like 10000")
		} else {
			e.timeout = time.Duration(number) * time.Millisecond
		}
	}
	if variable, word := e.otlp(suffixInsecure); word != "" {
		switch {
		case !isBool(word):
			e.addFinding(variable, notBool+", so that it is false", remedyBool)
		case strings.EqualFold(word, "true") && e.endpoint == nil:
			e.insecure = true
		case strings.EqualFold(word, "true") && e.endpoint != nil && e.endpoint.Scheme == "https":
			e.addFinding(variable, "contradicts the endpoint, which begins with https:// and counts",
				"remove it, or use an endpoint that begins with http://")
		}
	}
	if word := e.value(varDisabled); word != "" && !isBool(word) {
		e.addFinding(varDisabled, notBool+", so that it is false", remedyBool)
	}
}

// The problem of a value that should be true or false, and its remedy.
const (
	notBool    = "is neither true nor false"
	remedyBool = "set it to true or false"
)

// isBool reports whether word is true or false in any case.
func isBool(word string) bool {
	return strings.EqualFold(word, "true") || strings.EqualFold(word, "false")
}

// checkHeaders reads the headers of an export: pairs of a name and a percent-encoded value. Of the
// malformed pairs, it records the first.
func (e *environment) checkHeaders() {
	const remedy = "set pairs like name=value, separated by commas, with each value percent-encoded"
	e.headers = http.Header{}
	malformed := false
	variable, text := e.otlp(suffixHeaders)
	for pair := range strings.SplitSeq(text, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		name, value, found := strings.Cut(pair, "=")
		value, err := url.PathUnescape(value)
		switch {
		case !found || err != nil || !isToken(strings.TrimSpace(name)):
			if !malformed {
				e.addFinding(variable, "has a part that is no header, which is not sent", remedy)
			}
			malformed = true
		case strings.ContainsFunc(strings.TrimSpace(value), isControl):
			e.preventTraces(variable, "has a character that no header may have", remedy)
			return
		default:
			e.headers.Set(strings.TrimSpace(name), strings.TrimSpace(value))
		}
	}
}

// isToken reports whether text is a token (RFC 9110 §5.6.2), such as the name of a header.
func isToken(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// isControl reports whether r is a control character that must not occur in the value of a header
// (RFC 9110 §5.5).
func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// allRecorded is the part of a problem that states the effect of a sampler that cannot be used.
const allRecorded = ", so that every request is recorded"

// checkSampler checks which requests are recorded.
func (e *environment) checkSampler() {
	sampler, arg := strings.ToLower(e.value(varSampler)), e.value(varSamplerArg)
	takesArg := sampler == samplerRatio || sampler == samplerParent
	ratio, err := strconv.ParseFloat(arg, 64)
	switch {
	case sampler != "" && !slices.Contains(samplers, sampler):
		e.addFinding(varSampler, "names a sampler that is not supported"+allRecorded,
			"use one of "+strings.Join(samplers, ", "))
	case sampler == "" && arg != "":
		e.addFinding(varSamplerArg, "has no effect without "+varSampler+allRecorded,
			"set "+varSampler+" to "+samplerParent)
	case takesArg && arg != "" && (err != nil || math.IsNaN(ratio) || ratio < 0 || ratio > 1):
		e.addFinding(varSamplerArg, "is not a number from 0 to 1"+allRecorded,
			"set the share of requests to record, like 0.01")
	}
}

// checkResource checks the attributes of the service.
func (e *environment) checkResource() {
	text := e.value(varResource)
	if text == "" {
		return
	}
	for pair := range strings.SplitSeq(text, ",") {
		if !strings.Contains(pair, "=") {
			e.preventTraces(varResource, "has a part that is not name=value",
				"set pairs like name=value, separated by commas")
			return
		}
	}
}

// checkPropagators checks the formats in which a request may name its trace. Only tracecontext is
// supported, and it is always used.
func (e *environment) checkPropagators() {
	formats := strings.Split(strings.ToLower(e.value(varPropagators)), ",")
	taken := false
	for _, format := range formats {
		switch strings.TrimSpace(format) {
		case "tracecontext":
			taken = true
		case "baggage": // ignored, but in the default of the specification
		default:
			e.addFinding(varPropagators,
				"names a format that is not supported: traceparent is taken",
				"set it to tracecontext, or remove it")
			return
		}
	}
	if !taken {
		e.addFinding(varPropagators, "does not name tracecontext: traceparent is taken nevertheless",
			"set it to tracecontext, or remove it")
	}
}
