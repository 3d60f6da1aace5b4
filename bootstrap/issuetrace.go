package bootstrap

import (
	"context"

	"go.uber.org/fx"

	"github.com/offload/sessiond/adapters/events/issuetrace"
	"github.com/offload/sessiond/app/issue"
	"github.com/offload/sessiond/bootstrap/config"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// recorded returns a storage whose decisions are written to the configured trace, if there is one.
func (p *limiterParts) recorded(next ports.LimiterStorage) ports.LimiterStorage {
	if p.Config.TraceFile == "" || next == nil {
		return next
	}
	storage := &recordedStorage{LimiterStorage: next}
	var file *issuetrace.File
	p.Lifecycle.Append(fx.Hook{
		OnStart: func(context.Context) (err error) {
			file, err = issuetrace.Open(p.Config.TraceFile, recordedLimits(p.Config.Limits), p.Events)
			if err != nil {
				return &TraceError{File: p.Config.TraceFile, Cause: err}
			}
			storage.LimiterStorage = issuetrace.NewStorage(next, file, p.Clock,
				throttle.NewTraceDigester(p.Config.DigestKey.Bytes()), !p.Config.Storage.Shared())
			return nil
		},
		OnStop: func(context.Context) error {
			file.Close()
			return nil
		},
	})
	return storage
}

// recordedStorage is a storage whose trace is opened when the service starts.
type recordedStorage struct{ ports.LimiterStorage }

// recordedLimits returns the limits as a trace states them.
func recordedLimits(limits issue.Limits) ports.RecordedLimits {
	recorded := ports.RecordedLimits{Window: limits.Window, Mode: limits.Mode}
	for _, dimension := range throttle.Dimensions() {
		recorded.Limits[dimension] = limits.Of(dimension)
	}
	return recorded
}

// TraceError reports a trace that could not be opened.
type TraceError struct {
	File  string
	Cause error
}

// Error returns the variable, the file and the cause.
func (e *TraceError) Error() string {
	return config.VarTraceFile + ": the file " + config.ShownPath(e.File) + " " + e.Cause.Error()
}

// Unwrap returns the cause.
func (e *TraceError) Unwrap() error { return e.Cause }
