// Package systemd communicates with the service manager that started the process: it accepts the
// socket that the manager passes, and reports when the service is ready, reloads and stops. Without
// a manager it does nothing.
//
// It imports the standard library and go-systemd.
package systemd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"
)

// SocketError reports what is wrong with the sockets that the manager passed.
type SocketError struct{ Problem, Remedy string }

// Error implements error.
func (e *SocketError) Error() string { return e.Problem + ": " + e.Remedy }

// Listener returns the listening socket that the manager passed to the process (sd_listen_fds(3)),
// or nil if it passed none. The manager keeps its own descriptor of it, so that clients can connect
// while the service restarts. It fails with a *SocketError.
func Listener() (net.Listener, error) {
	// The number is checked first, because activation.Files allocates that many files.
	if count, ours := os.Getenv("LISTEN_FDS"), os.Getenv("LISTEN_PID"); count != "" &&
		ours == strconv.Itoa(os.Getpid()) {
		n, err := strconv.Atoi(count)
		if err != nil || n < 0 {
			return nil, &SocketError{"LISTEN_FDS is not a number of sockets",
				"start the service with its socket unit, or without the variable"}
		}
		if n > 1 {
			return nil, &SocketError{fmt.Sprintf("systemd passed %d sockets", n),
				"leave one ListenStream= in the socket unit"}
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
	if err := checkListens(files[0]); err != nil {
		return nil, unusable(err)
	}
	listener, err := net.FileListener(files[0])
	if err != nil {
		return nil, unusable(err)
	}
	return listener, nil
}

// checkListens returns an error unless file is a listening stream socket. net.FileListener accepts
// other sockets too, on which only Accept would fail.
func checkListens(file *os.File) error {
	kind, err := option(file, syscall.SO_TYPE)
	if err != nil {
		return err
	}
	listens, err := option(file, syscall.SO_ACCEPTCONN)
	switch {
	case err != nil:
		return err
	case kind != syscall.SOCK_STREAM:
		return errors.New("it is not for streams")
	case listens == 0:
		return errors.New("it does not listen")
	}
	return nil
}

// option returns the option name of a socket at the level SOL_SOCKET.
func option(file *os.File, name int) (value int, err error) {
	raw, err := file.SyscallConn()
	if err != nil {
		return 0, err
	}
	controlled := raw.Control(func(fd uintptr) {
		value, err = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, name)
	})
	return value, errors.Join(controlled, err)
}

// unusable returns the error for a descriptor on which nothing can be accepted.
func unusable(cause error) *SocketError {
	return &SocketError{fmt.Sprintf("systemd passed a socket that does not accept connections (%v)",
		cause), "set Accept=no and ListenStream= in its socket unit"}
}

// Ready reports that the service has started, or that a reload has ended.
func Ready() { notify(daemon.SdNotifyReady) }

// Reloading reports that the service begins to reload. Call Ready afterwards.
func Reloading() { notify(daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec()) }

// Stopping reports that the service begins to stop.
func Stopping() { notify(daemon.SdNotifyStopping) }

// notifyTimeout is how long a manager may take to receive a state. A manager that does not read
// must not keep the service from stopping.
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
