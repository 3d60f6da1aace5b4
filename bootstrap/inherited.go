package bootstrap

import (
	"net"

	"github.com/offload/sessiond/adapters/http/server"
	"github.com/offload/sessiond/adapters/system/systemd"
)

// inherited is the socket that the service manager passed, if any, for the public listener.
type inherited struct{ net.Listener }

// inherit takes the socket. It may be called once.
func inherit() (inherited, error) {
	listener, err := systemd.Listener()
	return inherited{listener}, err
}

// address returns the address of the socket, or "" if there is none.
func (i inherited) address() string {
	if i.Listener == nil {
		return ""
	}
	return server.AddressOf(i.Listener)
}
