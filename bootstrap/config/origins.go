package config

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
)

// origins are the origins of browsers that may ask for sessions. A browser sends its origin in one form alone, with which it is compared byte for byte, so an entry in
// any other form would never match. Entries are told by their place.
func (r *reading) origins() []string {
	for i, origin := range r.fields.CORSOrigins {
		if problem, remedy := originProblem(origin); problem != "" {
			r.faultOf(varOrigins, fmt.Sprintf("entry %d %s", i+1, problem), remedy)
		} else if host, plain := strings.CutPrefix(origin, "http://"); plain && r.production &&
			!isLocal(host) {
			r.warnOf(varOrigins, fmt.Sprintf(
				"entry %d is not https: whoever sits between its users and it can have their browsers ask for sessions", i+1),
				"serve the page over https, and name that origin")
		}
	}
	return r.fields.CORSOrigins
}

// An origin as browsers write it (RFC 6454 §6.2): a scheme, and a host that is a name or an address, in lower case. A port is there where it is not the scheme's.
var (
	originForm = regexp.MustCompile(
		`^([a-z][a-z0-9+.-]*)://([a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::([1-9][0-9]{0,4}))?$`)
	usualPorts = map[string]string{"http": "80", "https": "443"}
)

const remedyOrigin = "give origins separated by commas, such as https://app.example.com,http://localhost:3000"

// originProblem is what is wrong with an origin; empty where nothing is.
func originProblem(origin string) (problem, remedy string) {
	parts := originForm.FindStringSubmatch(origin)
	switch {
	case strings.Contains(origin, "*"):
		return "has a star: any page could have its visitors' browsers ask for sessions, at the cost of the addresses that they share", "name each origin"
	case origin == "null":
		return "is null, which is what every sandboxed page and every file calls itself, whoever made it", "serve the page from an origin of its own, and name that"
	case origin != strings.ToLower(origin) && originForm.MatchString(strings.ToLower(origin)):
		return "has capital letters, and browsers send none", "write it in lower case"
	case parts == nil && originForm.MatchString(strings.TrimSuffix(origin, "/")):
		return "ends in a slash, and no origin does", "leave the slash out"
	case parts == nil:
		return "is no origin of the form scheme://host or scheme://host:port", remedyOrigin
	case parts[3] != "" && parts[3] == usualPorts[parts[1]]:
		return "names the port that is the scheme's own, which browsers leave out",
			"leave the port out"
	case len(parts[3]) == 5 && parts[3] > "65535":
		return "names no port", "give a port up to 65535"
	}
	if address, isAddress := strings.CutPrefix(parts[2], "["); isAddress {
		parsed, err := netip.ParseAddr(strings.TrimSuffix(address, "]"))
		if err != nil || !parsed.Is6() || parsed.String() != strings.TrimSuffix(address, "]") {
			return "is no origin: its address is not one of IPv6 in its shortest form", remedyOrigin
		}
	}
	return "", ""
}

// isLocal tells whether host, and a port with it, is the browser's own machine.
func isLocal(host string) bool {
	if at := strings.LastIndexByte(host, ':'); at > strings.LastIndexByte(host, ']') {
		host = host[:at]
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil &&
		addr.IsLoopback()
}
