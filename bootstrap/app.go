// Package bootstrap puts the service together: configuration to adapters, adapters to ports, ports to use cases. It is the only place
// that knows them all, and the only one that knows fx. It decides nothing else.
package bootstrap

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.uber.org/fx"

	"github.com/offload/sessiond/bootstrap/config"
)

// How long starting may take, and stopping beyond the delay and the grace that the operator chose.
const (
	startWithin    = 15 * time.Second
	stopWithinMore = 10 * time.Second
)

// New is the service, from top to bottom. Options come last and may replace what stands before them.
func New(review config.Review, options ...Option) *fx.App {
	return fx.New(
		fx.NopLogger,
		fx.StartTimeout(startWithin),
		fx.StopTimeout(review.Config.ShutdownDelay+review.Config.ShutdownGrace+stopWithinMore),
		fx.Supply(review, review.Config),
		telemetry, // clock, logger, metrics, events
		keySource, // which keys are in force
		limiter,   // who has had how many sessions
		sessions,  // the use cases
		listeners, // operations first, then the public one
		fx.Options(options...),
	)
}

// Serve runs the service until ctx ends or a signal asks it to stop, and then stops it in order. A second signal ends the process at
// once. It fails where the service could not start, or ended by itself.
func Serve(ctx context.Context, review config.Review) error {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)

	var ended Ended
	app := New(review, fx.Populate(&ended))
	starting, cancel := context.WithTimeout(ctx, app.StartTimeout())
	defer cancel()
	if err := app.Start(starting); err != nil {
		return asListenError(err)
	}
	var failed error
	select {
	case <-signals:
	case <-ctx.Done():
	case failed = <-ended:
	}
	stopped := make(chan struct{})
	defer close(stopped)
	go endAtOnce(signals, stopped)
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), app.StopTimeout())
	defer cancel()
	return errors.Join(failed, app.Stop(stopping))
}

// endAtOnce ends the process on a signal that comes while it stops.
func endAtOnce(signals <-chan os.Signal, stopped <-chan struct{}) {
	select {
	case <-signals:
		os.Exit(1)
	case <-stopped:
	}
}

// asListenError is the error without fx's account of who needed whom, where it is one that an operator can mend.
func asListenError(err error) error {
	if listen, ok := errors.AsType[*ListenError](err); ok {
		return listen
	}
	return err
}
