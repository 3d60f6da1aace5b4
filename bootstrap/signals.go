package bootstrap

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"go.uber.org/fx"

	"github.com/offload/sessiond/adapters/system/systemd"
)

// signals are the signals that the process receives while it serves. Other commands do not catch
// them: SIGPIPE ends a command quietly when the reader of its output has gone.
type signals struct{ stop, reload chan os.Signal }

// catchSignals makes the process ignore SIGPIPE. The Go runtime would otherwise end the process
// when the reader of standard error has gone, even if the parent set the signal to ignored. The
// other signals are delivered from now on. Call release at the end.
func catchSignals() *signals {
	signal.Ignore(syscall.SIGPIPE)
	s := &signals{stop: make(chan os.Signal, 2), reload: make(chan os.Signal, 1)}
	signal.Notify(s.stop, syscall.SIGINT, syscall.SIGTERM)
	signal.Notify(s.reload, syscall.SIGHUP)
	return s
}

// release ends the delivery of signals. SIGPIPE stays ignored.
func (s *signals) release() {
	signal.Stop(s.stop)
	signal.Stop(s.reload)
}

// wait returns nil when a signal to stop arrives or ctx is done, and otherwise the reason why a
// listener ended. Meanwhile each SIGHUP requests a look at every followed file.
func (s *signals) wait(ctx context.Context, ended Ended, followed followed) error {
	for {
		select {
		case <-s.reload:
			systemd.Reloading()
			followed.refresh()
			systemd.Ready()
		case <-s.stop:
			return nil
		case <-ctx.Done():
			return nil
		case err := <-ended:
			return err
		}
	}
}

// exitOnStop exits the process if another signal to stop arrives during the stop.
func (s *signals) exitOnStop(stopped <-chan struct{}) {
	select {
	case <-s.stop:
		os.Exit(1)
	case <-stopped:
	}
}

// follower re-reads files when they change.
type follower interface {
	// Refresh requests a look at the files now. It returns at once.
	Refresh()
}

// followed holds every follower of the service.
type followed struct {
	fx.In

	Followers []follower `group:"followers"`
}

func (f followed) refresh() {
	for _, follower := range f.Followers {
		follower.Refresh()
	}
}
