package config

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/offload/sessiond/adapters/http/server"
)

// Inherited describes the socket that the service manager passed, which takes the place of the
// public listener's address. The zero value is for none.
type Inherited struct {
	// Address is the address of the socket.
	Address string
	// Problem says why the service cannot serve on what was passed, and Remedy what to do; empty if
	// it can.
	Problem, Remedy string
}

// abstract begins the path of an abstract socket, which has no file.
const abstract = "@"

// The remedies for a socket to which others can connect.
const (
	remedySocketMode = "set SocketMode=0660 and SocketGroup= in its socket unit, to the group of " +
		"the proxy, and restart the unit"
	remedySocketSeen = "let the service see the path (DirectoryMode=0755 of the socket unit, " +
		"BindReadOnlyPaths= in systemd, a volume in a container), or restart the socket unit if the " +
		"file was removed"
)

// inherit makes the address of the inherited socket that of the public listener.
func (l *loader) inherit() {
	set, ok := l.value(VarHTTPAddr)
	if ok && set.Origin != originDefault && l.Inherited.Problem == "" &&
		set.Text != l.Inherited.Address {
		l.warn(VarHTTPAddr, set.Origin,
			"has no effect: systemd passed a socket, on "+l.Inherited.Address,
			"set it to that address or remove it, or stop and disable the socket unit")
	}
	l.merged[VarHTTPAddr] = rawValue{Text: l.Inherited.Address, Origin: originInherited,
		Problem: l.Inherited.Problem, Remedy: l.Inherited.Remedy}
}

// isInherited reports whether the public listener is the inherited socket.
func (r *reviewer) isInherited() bool { return r.origin(VarHTTPAddr) == originInherited }

// onSocket reports whether the public listener is on a Unix socket. Only an inherited one may be
// abstract.
func (r *reviewer) onSocket() bool {
	return isSocket(r.fields.HTTPAddr) ||
		r.isInherited() && strings.HasPrefix(r.fields.HTTPAddr, server.SocketPrefix)
}

// checkInheritedSocket reports an inherited Unix socket to which others than the proxy can connect:
// its peers are trusted to name their clients.
func (r *reviewer) checkInheritedSocket(path string) {
	report := r.warnOf
	if r.production {
		report = r.faultOf
	}
	const trusted = ", and its peers count as a trusted proxy"
	named := "is the socket " + shown(path)
	if strings.HasPrefix(path, abstract) {
		report(VarHTTPAddr, named+", which has no file and no mode: any process of this host can "+
			"connect"+trusted, "use a path in ListenStream= of its socket unit, with SocketMode=0660 "+
			"and SocketGroup= set to the group of the proxy")
		return
	}
	switch open, err := server.OpenToOthers(path); {
	case err != nil:
		cause := err
		if inner, ok := errors.AsType[*fs.PathError](err); ok {
			cause = inner.Err
		}
		report(VarHTTPAddr, fmt.Sprintf("%s, whose mode cannot be read (%v): others may be able to "+
			"connect%s", named, cause, trusted), remedySocketSeen)
	case open:
		report(VarHTTPAddr, named+", whose mode lets every user of this host connect"+trusted,
			remedySocketMode)
	}
}
