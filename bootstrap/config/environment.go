package config

import (
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/offload/sessiond/domain/secret"
)

// exposing holds the variables that make the service reachable by others.
var exposing = []string{VarHTTPAddr, VarProxies, varProxyProtocol, varTLSCertFile, varTLSKeyFile,
	VarPublicOrigins}

// determineEnvironment sets the environment in force. If none is named, it is development, or
// production if others can reach the service.
func (r *reviewer) determineEnvironment() {
	if isLabel(r.fields.Environment) && mayBeSecret(r.fields.Environment) {
		r.faultOf(varEnvironment, "may be a secret: /v1/health would show it to everybody",
			"use a short word such as production")
	}
	given := secret.ParseEnvironment(r.fields.Environment)
	named := given.Named()
	environment, exposed := given, r.exposed()
	if exposed != "" {
		environment = given.Exposed()
	}
	// An environment that cannot be read counts as production-like.
	r.environment, r.production = environment,
		environment.ProductionLike() || r.broken[varEnvironment]
	switch {
	case r.broken[varEnvironment]:
	case given.Meant() != "":
		r.note(varEnvironment, r.origin(varEnvironment), "is "+given.String()+
			", which is not known to be for development: the rules of production apply",
			"did you mean "+given.Meant()+"?")
	case exposed == "":
	case !named:
		r.warnOf(varEnvironment, "is not set, and "+exposed+": the rules of production apply",
			"set it to production, or to development if only you can reach the service")
	case !r.production:
		r.warnOf(varEnvironment, "is "+environment.String()+", and "+exposed+
			": weak secrets are accepted although others may reach the service",
			"set it to production, unless only you can reach the service")
	}
	if !named {
		r.texts[varEnvironment] = environment.String()
	}
	if r.origin(VarHTTPAddr) == originDefault {
		r.fields.HTTPAddr = defaultHTTPAddr(r.production)
		r.texts[VarHTTPAddr] = r.fields.HTTPAddr
	}
}

// exposed returns, as a clause, what makes the service reachable by others, or "" if nothing does.
// An invalid value does not count, because the service does not start with it.
func (r *reviewer) exposed() string {
	for _, name := range exposing {
		switch {
		case r.origin(name) == originDefault || r.broken[name]:
		case name == VarHTTPAddr:
			if isListener(r.fields.HTTPAddr) && !isLoopback(r.fields.HTTPAddr) {
				return name + " is not a loopback address"
			}
			if r.onSocket() {
				return name + " is a Unix socket, which is for a proxy"
			}
		case name == varProxyProtocol:
			if r.fields.ProxyProtocol {
				return name + " is true"
			}
		case name == VarProxies:
			if len(r.fields.Proxies) > 0 && !slices.ContainsFunc(r.fields.Proxies, notPrefix) {
				return name + " is set"
			}
		case name == VarPublicOrigins:
			if slices.ContainsFunc(r.fields.PublicOrigins, isPublicOrigin) {
				return name + " is set"
			}
		case r.texts[name] != "":
			return name + " is set"
		}
	}
	return ""
}

// isPublicOrigin reports whether text is an origin under which others reach the service: one of
// another machine than their own.
func isPublicOrigin(text string) bool {
	problem, _ := originProblem(text, serviceOrigins)
	_, host, _ := strings.Cut(text, "://")
	return problem == "" && !isLocal(host)
}

// notPrefix reports whether text is neither an address nor a prefix.
func notPrefix(text string) bool {
	_, ok := parsePrefix(text)
	return !ok
}

// isLoopback reports whether only this machine can reach a listener on address.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && addr.Unmap().IsLoopback()
}

// defaultHTTPAddr returns the default address of the public listener.
func defaultHTTPAddr(production bool) string {
	if production {
		return ":8080"
	}
	return "127.0.0.1:8080"
}
