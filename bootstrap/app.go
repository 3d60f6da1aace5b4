// Package bootstrap wires the service: configuration to adapters, adapters to ports, ports to use
// cases. It also maps the functions of the command line to the use cases and phrases their results
// for an operator.
//
// It is the only package that may import all of them, and the only one that imports fx. It decides
// nothing: rules belong to domain and app, a retry or a watch to its adapter.
package bootstrap

import (
	"context"
	"errors"
	"time"

	"go.uber.org/fx"

	"github.com/offload/sessiond/adapters/system/garbage"
	"github.com/offload/sessiond/adapters/system/systemd"
	"github.com/offload/sessiond/bootstrap/config"
)

// startTimeout bounds the start. extraStopTimeout bounds the stop, in addition to the delay and the
// grace period that the operator chose.
const (
	startTimeout     = 15 * time.Second
	extraStopTimeout = 10 * time.Second
)

// New returns the service as an fx application for a configuration without faults. Options are
// applied last and may replace parts of it.
func New(review config.Review, options ...Option) *fx.App {
	return fx.New(
		fx.NopLogger,
		fx.StartTimeout(startTimeout),
		fx.StopTimeout(review.Config.ShutdownDelay+review.Config.ShutdownGrace+extraStopTimeout),
		fx.Supply(review, review.Config),
		telemetry, // clock, logger, metrics, events
		keySource, // the keys in force
		limiter,   // the storage of grants
		sessions,  // the use cases
		listeners, // the operations listener first, then the public one
		fx.Options(options...),
	)
}

// serve runs the service until ctx is done or SIGINT or SIGTERM arrives, and then stops it in
// order. A second signal exits the process at once. SIGHUP requests a look at the keyset and the
// certificate. The public listener is the inherited socket, if there is one. The service manager is
// told of the start, of SIGHUP and of the stop. serve returns an error if the service could not
// start or if a listener failed.
func serve(ctx context.Context, review config.Review, caught *signals, inherited inherited) error {
	var ended Ended
	var files followed
	app := New(review, fx.Populate(&ended), fx.Invoke(func(all followed) { files = all }),
		Replace(inherited))
	starting, cancel := context.WithTimeout(ctx, app.StartTimeout())
	defer cancel()
	if err := app.Start(starting); err != nil {
		return asOperatorError(err)
	}
	garbage.Bound()
	systemd.Ready()
	failed := caught.wait(ctx, ended, files)
	stopped := make(chan struct{})
	defer close(stopped)
	go caught.exitOnStop(stopped)
	systemd.Stopping()
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), app.StopTimeout())
	defer cancel()
	return errors.Join(failed, app.Stop(stopping))
}

// asOperatorError returns the ListenError or the TraceError in err, which an operator can act on,
// without fx's description of the dependency graph. Other errors are returned unchanged.
func asOperatorError(err error) error {
	if listen, ok := errors.AsType[*ListenError](err); ok {
		return listen
	}
	if trace, ok := errors.AsType[*TraceError](err); ok {
		return trace
	}
	return err
}
