package console

import (
	"context"
	"time"

	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// Recorder implements ports.Events. It keeps what the console shows in memory of fixed size: counts
// of the last minutes, the installations that are refused most, and the last incidents. Recording
// costs less than a tenth of a microsecond for a session and a third of one for a refusal
// (BenchmarkRecord), and nothing else is done until a page is asked for.
type Recorder struct {
	clock    ports.Clock
	started  throttle.Instant
	traffic  *traffic
	installs installs
	history  history
}

var _ ports.Events = (*Recorder)(nil)

// NewRecorder returns an empty Recorder.
func NewRecorder(clock ports.Clock) *Recorder {
	return &Recorder{clock: clock, started: clock.Instant(), traffic: newTraffic(),
		history: history{failing: map[ports.Material]incident{}}}
}

// Record implements ports.Events.
func (r *Recorder) Record(_ context.Context, event ports.Event) {
	switch e := event.(type) {
	case ports.SessionIssued:
		kind := countNew
		if e.Renewed {
			kind = countRenewed
		}
		r.traffic.add(r.clock.Instant(), kind)
	case ports.IssuanceThrottled:
		now := r.clock.Instant()
		r.traffic.add(now, countOf(e.Dimension))
		r.installs.add(now, e.Install)
	case ports.RequestsShed:
		r.traffic.add(r.clock.Instant(), shedOf(e.Budget))
	case ports.ConnectionRefused:
		r.traffic.add(r.clock.Instant(), shedOf(e.Budget))
	case ports.LimiterOutageStarted:
		r.history.outageStarted(r.clock.Now(), e.Policy, e.Cause)
	case ports.LimiterOutageEnded:
		r.history.outageEnded(r.clock.Now())
	case ports.LimiterMisconfigured:
		r.history.misconfigured(r.clock.Now(), e.Problem)
	case ports.Reloaded:
		r.history.reloaded(r.clock.Now(), e.Content.Material())
	case ports.ReloadFailed:
		r.history.reloadFailed(r.clock.Now(), e.Material, e.Cause)
	case ports.WatchFailed:
		r.history.add(r.clock.Now(), nameOf(e.Material)+": the system does not notify of changes, "+
			"which are found by looking every 2 s", e.Cause.Error())
	case ports.SignerMissing:
		r.history.add(r.clock.Now(), "No key signs", "")
	case ports.SignerFound:
		r.history.add(r.clock.Now(), "A key signs again", "")
	case ports.TracesLost:
		r.history.add(r.clock.Now(), "Traces are not exported", e.Cause.Error())
	case ports.TracesExported:
		r.history.add(r.clock.Now(), "Traces are exported again", "")
	case ports.TraceFull:
		r.history.add(r.clock.Now(), "The trace of requests for a session has ended", causeOf(e))
	case ports.ForwardedByStranger:
		r.history.stranger.Store(true)
	case ports.TokenVerified, ports.KeysEndEarly, ports.CORSRefused, ports.LimiterOutageDecision,
		ports.ConsoleRefused, ports.SpansLost:
		// Keys are shown as they are when the page is rendered; the others are not shown.
	}
}

// causeOf returns why a trace has ended.
func causeOf(e ports.TraceFull) string {
	if e.Cause == nil {
		return "it has reached its greatest size"
	}
	return e.Cause.Error()
}

// uptime returns how long the recorder has existed, which is as long as the service.
func (r *Recorder) uptime(now throttle.Instant) time.Duration { return r.started.Until(now) }
