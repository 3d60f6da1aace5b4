// Package systemd speaks with the service manager that started the process: it takes the socket
// that the manager passes, and reports when the service is ready, reloads and stops. Without a
// manager it does nothing.
//
// It imports the standard library and go-systemd.
package systemd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"
)

// Listener returns the listening socket that the manager passed to the process (sd_listen_fds(3)),
// or nil if it passed none. The manager keeps its own descriptor of it, so that clients can connect
// while the service restarts.
func Listener() (net.Listener, error) {
	// Read here first: activation.Files allocates for as many as the variable says.
	if count, ours := os.Getenv("LISTEN_FDS"), os.Getenv("LISTEN_PID"); count != "" &&
		ours == strconv.Itoa(os.Getpid()) {
		n, err := strconv.Atoi(count)
		if err != nil || n < 0 {
			return nil, errors.New("LISTEN_FDS is not a number of sockets: start the service " +
				"with its socket unit, or without the variable")
		}
		if n > 1 {
			return nil, fmt.Errorf("systemd passed %d sockets: leave one ListenStream= in the "+
				"socket unit", n)
		}
	}
	files := activation.Files(true)
	defer func() {
		for _, file := range files {
			_ = file.Close() // net.FileListener duplicated it
		}
	}()
	if len(files) == 0 {
		return nil, nil
	}
	listener, err := net.FileListener(files[0])
	if err != nil {
		return nil, fmt.Errorf("the socket that systemd passed does not accept connections: "+
			"set Accept=no and ListenStream= in its socket unit: %w", err)
	}
	return listener, nil
}

// Ready reports that the service has started or has been told to reload.
func Ready() { notify(daemon.SdNotifyReady) }

// Reloading reports that the service begins to reload. Call Ready afterwards.
func Reloading() { notify(daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec()) }

// Stopping reports that the service begins to stop.
func Stopping() { notify(daemon.SdNotifyStopping) }

// notifyTimeout is how long a manager may take to receive a state. One that does not read must not
// keep the service from stopping.
const notifyTimeout = time.Second

// notify sends a state to the manager, if there is one (NOTIFY_SOCKET, sd_notify(3)). An error is
// ignored: the variable may be left over from another process, and a manager that misses READY=1
// ends the start with a message of its own.
func notify(state string) {
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = daemon.SdNotify(false, state)
	}()
	late := time.NewTimer(notifyTimeout)
	defer late.Stop()
	select {
	case <-sent:
	case <-late.C:
	}
}
