package config

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/offload/sessiond/domain/proof"
)

// originUse says what a list of origins is for.
type originUse struct {
	// star and plain are the consequences of a star and of http in an entry, for messages.
	star, plain string
	// remedy is the remedy for http.
	remedy string
	// web is true if clients reach these origins, so that they are https or http.
	web bool
}

// pageOrigins is for origins of web pages, serviceOrigins for those of the service.
var (
	pageOrigins = originUse{
		star: "any page could make the browsers of its visitors request sessions, which count " +
			"against the limits of their addresses",
		plain:  "an attacker on the network path can make the browsers of its users request sessions",
		remedy: "serve the page over https, and use that origin",
	}
	serviceOrigins = originUse{
		star:   "what a client signs for one origin would be good for any other",
		plain:  "an attacker on the network path can read the sessions of clients",
		remedy: "serve clients over https, and use that origin", web: true,
	}
)

// origins returns the web origins whose scripts may request sessions.
func (r *reviewer) origins() []string {
	r.checkOrigins(VarOrigins, r.fields.CORSOrigins, pageOrigins)
	return r.fields.CORSOrigins
}

// publicOrigins returns the origins under which clients reach the service.
func (r *reviewer) publicOrigins() []proof.Origin {
	r.checkOrigins(VarPublicOrigins, r.fields.PublicOrigins, serviceOrigins)
	var origins []proof.Origin
	for _, text := range r.fields.PublicOrigins {
		if origin, ok := proof.ParseOrigin(text); ok {
			origins = append(origins, origin)
		}
	}
	return origins
}

// checkOrigins checks the entries of a variable. A client sends its origin in one form only, and
// origins are compared byte for byte, so an entry in any other form would never match. Faults give
// the position of the entry.
func (r *reviewer) checkOrigins(variable string, entries []string, use originUse) {
	for i, origin := range entries {
		if problem, remedy := originProblem(origin, use); problem != "" {
			if !strings.Contains(problem, ": ") { // the value would follow an explanation
				problem += quotedUnlessSecret(origin)
			}
			r.faultOf(variable, fmt.Sprintf("entry %d %s", i+1, problem), remedy)
		} else if host, plain := strings.CutPrefix(origin, "http://"); plain && r.production &&
			!isLocal(host) {
			r.warnOf(variable, fmt.Sprintf("entry %d is not https: %s", i+1, use.plain), use.remedy)
		}
	}
}

// An origin as browsers send it (RFC 6454 §6.2): a scheme, and a host that is a name or an
// address, in lower case. A port is present only if it is not the default of the scheme.
var (
	originForm = pattern(
		`^([a-z][a-z0-9+.-]*)://([a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::([1-9][0-9]{0,4}))?$`)
	defaultPorts = map[string]string{"http": "80", "https": "443"}
	// pageless holds schemes that no page's origin has. Other schemes may be those of apps.
	pageless = map[string]bool{"file": true, "ftp": true, "ws": true, "wss": true}
)

const remedyOrigin = "use origins separated by commas, such as " +
	"https://app.example.com,http://localhost:3000"

// originProblem returns what is wrong with an origin and a remedy, or empty strings for a valid
// one.
func originProblem(origin string, use originUse) (problem, remedy string) {
	parts := originForm().FindStringSubmatch(origin)
	switch {
	case origin == "":
		return "is empty", remedyComma
	case strings.Contains(origin, "*"):
		return "has a star: " + use.star, "list each origin"
	case origin == "null" && !use.web:
		return "is null, which is the origin of every sandboxed page and every local file",
			"serve the page from an origin of its own, and use that"
	case origin != strings.ToLower(origin) && originForm().MatchString(strings.ToLower(origin)):
		return "has capital letters, which browsers do not send", "write it in lower case"
	case parts == nil && originForm().MatchString(strings.TrimSuffix(origin, "/")):
		return "ends in a slash, which no origin does", "leave the slash out"
	case parts == nil:
		return "is not an origin of the form scheme://host or scheme://host:port",
			remedyOrigin + meantOrigin(origin)
	case use.web && defaultPorts[parts[1]] == "":
		return "has another scheme than https and http", "use the origin of the service"
	case pageless[parts[1]]:
		return "has a scheme that no page has", "use the origin of the page; it begins with https://"
	case parts[3] != "" && parts[3] == defaultPorts[parts[1]]:
		return "has the default port of the scheme, which browsers omit",
			"omit the port"
	case len(parts[3]) == 5 && parts[3] > "65535":
		return "has an invalid port", "use a port up to 65535"
	}
	if address, isAddress := strings.CutPrefix(parts[2], "["); isAddress {
		parsed, err := netip.ParseAddr(strings.TrimSuffix(address, "]"))
		if err != nil || !parsed.Is6() || parsed.String() != strings.TrimSuffix(address, "]") {
			return "is not an origin: its address is not an IPv6 address in its shortest form",
				remedyOrigin
		}
	}
	return "", ""
}

// meantOrigin returns, as the end of a remedy, the origin that an entry probably stands for: that
// of a page's URL, or of a host without a scheme. It returns "" if the entry is neither.
func meantOrigin(entry string) string {
	scheme, rest, has := strings.Cut(entry, "://")
	if !has {
		scheme, rest = "https", entry
	}
	host, _, _ := strings.Cut(rest, "/")
	meant := scheme + "://" + host
	if mayBeSecret(entry) || !originForm().MatchString(meant) {
		return ""
	}
	return "; did you mean " + meant + "?"
}

// isLocal reports whether host, with or without a port, is the machine of the browser.
func isLocal(host string) bool {
	if at := strings.LastIndexByte(host, ':'); at > strings.LastIndexByte(host, ']') {
		host = host[:at]
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil &&
		addr.IsLoopback()
}
