package config

import (
	"fmt"
	"net/netip"
	"strings"
)

// hostForm is a host name, as a browser sends it: letters, digits, hyphens and underscores between
// dots.
var hostForm = pattern(`^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$`)

const remedyHosts = "use host names without scheme and port, separated by commas, such as " +
	"ops.example.com"

// opsHosts returns the names under which the console may be asked for, in lower case. Faults give
// the position of the entry. A single long word is more probably a secret than a host.
func (r *reviewer) opsHosts() []string {
	var hosts []string
	for i, entry := range r.fields.OpsHosts {
		host := strings.ToLower(strings.TrimSuffix(entry, "."))
		_, err := netip.ParseAddr(strings.Trim(host, "[]"))
		if err != nil && (!hostForm().MatchString(host) ||
			mayBeSecret(entry) && !strings.Contains(host, ".")) {
			r.faultOf(VarOpsHosts, fmt.Sprintf("entry %d is not a host name", i+1)+
				quotedUnlessSecret(entry), remedyHosts)
			continue
		}
		hosts = append(hosts, host)
	}
	return hosts
}
