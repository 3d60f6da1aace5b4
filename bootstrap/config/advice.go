package config

import (
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/offload/sessiond/adapters/http/server"
	"github.com/offload/sessiond/domain/clientaddr"
	"github.com/offload/sessiond/domain/proof"
	"github.com/offload/sessiond/ports"
)

// The bounds beyond which a valid value is probably a mistake.
const (
	longTTL   = 24 * time.Hour
	longGrace = 30 * 24 * time.Hour
	// balancerIdle is how long the balancers of the large clouds keep an idle connection.
	balancerIdle = 60 * time.Second
	// grantsPerSecond is the rate of grants that the memory storage should be able to hold for a
	// window; each takes two subjects in one part.
	grantsPerSecond  = 300
	subjectsPerGrant = 2
	// leastProofs is the number of proofs that are remembered at that rate, with one for each
	// grant.
	leastProofs = grantsPerSecond * int(proof.Memory/time.Second)
)

// advise warns of values that are valid and probably not what the operator wants.
func (r *reviewer) advise() {
	f := &r.fields
	if r.sound(varLimitMode) && f.LimitMode == ports.Observe {
		r.warnOf(varLimitMode, "is "+f.LimitMode.String()+": no request is refused, however many "+
			"there are", "set it to "+ports.Enforce.String()+" once the limits are chosen")
	}
	if r.sound(VarTTL) && seconds(f.TTL) > longTTL {
		r.warnOf(VarTTL, "is more than a day: a session that was stolen stays valid that long",
			"use at most 86400; clients renew their sessions")
	}
	if r.sound(VarRenewalGrace) && seconds(f.RenewalGrace) > longGrace {
		r.warnOf(VarRenewalGrace, "is more than 30 days: old keys must verify that long after a "+
			"rotation", "use at most 2592000")
	}
	if r.sound(VarTTL) && r.sound(varRenewPerInstall) && r.sound(varLimitWindow) &&
		f.LimitMode == ports.Enforce && f.TTL*f.RenewPerInstall < f.LimitWindow {
		r.warnOf(VarTTL, fmt.Sprintf("is so short that a client must renew more than %d times in %d s, "+
			"which "+varRenewPerInstall+" refuses", f.RenewPerInstall, f.LimitWindow),
			fmt.Sprintf("use at least %d, or a higher limit",
				(f.LimitWindow+f.RenewPerInstall-1)/f.RenewPerInstall))
	}
	if r.sound(varAudience) && strings.ContainsAny(f.Audience, ",[") {
		r.warnOf(varAudience, "looks like a list, and is the one audience of every token"+
			quotedUnlessSecret(f.Audience), "use one audience for all verifiers")
	}
	r.adviseLimits()
	if r.sound(varIdleTimeout) && seconds(f.IdleTimeout) <= balancerIdle {
		r.warnOf(varIdleTimeout, "is not above the 60 s that load balancers keep idle connections: "+
			"one may send a request on a connection that is being closed, and answer 502",
			"use more than the idle timeout of the load balancer, such as 75")
	}
	if r.production && r.sound(varShutdownGrace) && f.ShutdownGrace == 0 {
		r.warnOf(varShutdownGrace, "is 0: each stop breaks off the requests in progress",
			"use the time that the slowest request takes, such as the default of 15")
	}
	r.adviseListeners()
}

// sound reports whether a variable has a value in which no fault was found.
func (r *reviewer) sound(name string) bool { return !r.broken[name] }

// adviseLimits warns of limits that refuse a client's second attempt.
func (r *reviewer) adviseLimits() {
	f := &r.fields
	for _, name := range []string{varLimitPerIP, varLimitPerNetwork, varLimitPerInstall,
		varRenewPerInstall, varRenewPerIP} {
		v, _ := lookup(name)
		if r.sound(name) && reflect.ValueOf(f).Elem().Field(v.index).Int() == 1 {
			r.warnOf(name, "is 1: a client that repeats a request whose answer was lost is refused",
				"use at least 2, such as the default of "+v.preset)
		}
	}
}

// adviseSubjects warns of a memory storage that is so small that it forgets grants that still
// count. It does not warn if the memory storage only stands in for a shared one during outages.
func (r *reviewer) adviseSubjects() {
	f := &r.fields
	if f.LimiterStorage.Shared() {
		return
	}
	least := grantsPerSecond * subjectsPerGrant * f.LimitWindow
	if r.sound(varMaxSubjects) && f.Binding.On() && f.MaxSubjects < leastProofs {
		r.warnOf(varMaxSubjects, fmt.Sprintf("is too small for %d proofs a second, which are "+
			"remembered for %d s: one that is forgotten can be used again", grantsPerSecond,
			proof.Memory/time.Second), fmt.Sprintf("use at least %d", leastProofs))
		return
	}
	if r.sound(varMaxSubjects) && r.sound(varLimitWindow) && f.MaxSubjects < least {
		r.warnOf(varMaxSubjects, fmt.Sprintf("is too small for %d grants a second in a window of "+
			"%d s: subjects are forgotten, and start afresh", grantsPerSecond, f.LimitWindow),
			fmt.Sprintf("use at least %d, or a shorter window", least))
	}
}

// adviseListeners warns of listeners that the wrong clients can reach, or that only a proxy can.
func (r *reviewer) adviseListeners() {
	f := &r.fields
	r.adviseOperations()
	if path, isSocket := strings.CutPrefix(f.HTTPAddr, server.SocketPrefix); isSocket && r.sound(VarHTTPAddr) {
		if r.isInherited() {
			r.checkInheritedSocket(path)
		} else {
			r.checkSocket(path)
		}
	}
	if !r.sound(VarHTTPAddr) || !r.sound(VarProxies) || len(f.Proxies) > 0 {
		return
	}
	// On loopback, the clients may be on this machine.
	if isPrivate(f.HTTPAddr) && !isLoopback(f.HTTPAddr) {
		r.warnOf(VarHTTPAddr, "is a private address, and "+VarProxies+
			" is not set: if a proxy is in front, all its clients share one limit",
			"name the proxy in "+VarProxies+", unless the service has no proxy")
	}
}

// adviseOperations warns of an operations listener beyond loopback. One address of a private
// network is a choice, and the only one that probes and scrapers of a container have, so it is a
// note: a warning that no change of the configuration removes would hide others under --strict.
func (r *reviewer) adviseOperations() {
	address := r.fields.OpsAddr
	if address == "" || !r.sound(VarOpsAddr) || isLoopback(address) {
		return
	}
	const readers = "anyone who reaches it can read the metrics and the console"
	if isPrivate(address) {
		r.note(VarOpsAddr, r.origin(VarOpsAddr), "is a private address: "+readers,
			"let only probes and scrapers reach it")
		return
	}
	r.warnOf(VarOpsAddr, "is not a loopback address: "+readers, "use 127.0.0.1:9090, or the one "+
		"private address that probes and scrapers use, and let only those reach it")
}

// runtimeFolder is where systems keep files that need not outlive a restart of the system.
const runtimeFolder = "/run/"

// checkSocket reports what would keep the service from listening on a Unix socket at path.
func (r *reviewer) checkSocket(path string) {
	if found, err := os.Lstat(path); err == nil && found.Mode().Type() != fs.ModeSocket {
		r.faultOf(VarHTTPAddr, "names "+shown(path)+", which exists and is not a socket",
			"remove it, or use another path")
	}
	// A folder below runtimeFolder is made when the service starts, by RuntimeDirectory= in its
	// unit.
	folder := filepath.Dir(path)
	if found, err := os.Stat(folder); !strings.HasPrefix(folder, runtimeFolder) &&
		(err != nil || !found.IsDir()) {
		r.warnOf(VarHTTPAddr, "names a socket in "+shown(folder)+", which is not a folder",
			"create the folder")
	}
}

// isPrivate reports whether a listener is on an address that the public internet does not reach.
func isPrivate(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && clientaddr.IsPrivate(addr)
}

// ChosenPorts warns of listeners in a production-like environment whose port the system chooses at
// each start. Only sessiond check reports it: the service logs at its start which ports it has.
func (r *Review) ChosenPorts() []Warning {
	var warnings []Warning
	for _, listener := range []struct{ variable, address, reader, example string }{
		{VarHTTPAddr, r.Config.HTTPAddr, "proxy", "8080"},
		{VarOpsAddr, r.Config.OpsAddr, "probe or scraper", "9090"},
	} {
		_, port, err := net.SplitHostPort(listener.address)
		if r.Config.Production && err == nil && port == "0" {
			warnings = append(warnings, Warning{Variable: listener.variable,
				Origin: r.OriginOf(listener.variable),
				Problem: "has port 0: the system chooses another port at each start, which no " +
					listener.reader + " knows",
				Remedy: "use a port, such as " + listener.example})
		}
	}
	return warnings
}
