package bootstrap

import (
	"errors"
	"net"

	"github.com/offload/sessiond/adapters/http/server"
	"github.com/offload/sessiond/adapters/system/systemd"
	"github.com/offload/sessiond/bootstrap/config"
)

// inherited is the socket that the service manager passed, if any, for the public listener.
type inherited struct{ net.Listener }

// inherit takes the socket and describes it for the configuration. It may be called once.
func inherit() (inherited, config.Inherited) {
	listener, err := systemd.Listener()
	if wrong, ok := errors.AsType[*systemd.SocketError](err); ok {
		return inherited{}, config.Inherited{Problem: "cannot be taken: " + wrong.Problem,
			Remedy: wrong.Remedy}
	}
	taken := inherited{listener}
	return taken, config.Inherited{Address: taken.address()}
}

// address returns the address of the socket, or "" if there is none.
func (i inherited) address() string {
	if i.Listener == nil {
		return ""
	}
	return server.AddressOf(i.Listener)
}
