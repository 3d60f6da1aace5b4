package console

import (
	"context"
	"net/http"
	"time"

	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/domain/token"
	"github.com/offload/sessiond/ports"
)

// Recorder implements ports.Events. It keeps what the console shows in memory of fixed size: counts
// of the last minutes, the installations that are refused most, and the last incidents. Recording
// an event costs little more than reading the clock, and for a refusal a search among 64
// installations (BenchmarkRecord). The view is computed only when a page is requested. A Recorder
// is safe for concurrent use.
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
		history: history{failing: map[ports.Material]failure{}}}
}

// now returns the present moment by both clocks.
func (r *Recorder) now() moment { return moment{r.clock.Now(), r.clock.Instant()} }

// Answered counts a request of the public listener that was answered with a status.
func (r *Recorder) Answered(status int) {
	now := r.clock.Instant()
	r.traffic.add(now, countAnswered)
	if status >= http.StatusInternalServerError {
		r.traffic.add(now, countFailed)
	}
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
	case ports.TokenVerified:
		if e.Reason == token.ReasonUnknownKey {
			r.traffic.add(r.clock.Instant(), countUnknownKey)
		}
	case ports.ProofJudged:
		judged := countProved
		if e.Reason != "" {
			judged = countUnproved
		}
		r.traffic.add(r.clock.Instant(), judged)
	case ports.RequestsShed:
		r.traffic.add(r.clock.Instant(), shedOf(e.Budget))
	case ports.ConnectionRefused:
		r.traffic.add(r.clock.Instant(), shedOf(e.Budget))
	case ports.ForwardedByStranger:
		r.traffic.add(r.clock.Instant(), countStranger)
	case ports.LimiterOutageStarted:
		now := r.now()
		r.traffic.add(now.steady, countOutage)
		r.history.outageStarted(now, e.Policy, e.Cause)
	case ports.LimiterOutageEnded:
		r.history.outageEnded(r.now())
	case ports.LimiterMisconfigured:
		r.history.storageMisconfigured(r.now(), e.Problem)
	case ports.LimiterRepaired:
		r.history.storageRepaired(r.now())
	case ports.Reloaded:
		r.history.reloaded(r.now(), e.Content.Material())
	case ports.ReloadFailed:
		r.history.reloadFailed(r.now(), e)
	case ports.WatchFailed:
		r.history.add(r.now(), nameOf(e.Material)+": the system does not notify of changes, "+
			"which are found by looking every 2 s", e.Cause.Error())
	case ports.SignerMissing:
		r.history.add(r.now(), "No key signs", "")
	case ports.SignerFound:
		r.history.add(r.now(), "A key signs again", "")
	case ports.TracesLost:
		r.history.tracesLost(r.now(), e.Cause)
	case ports.TracesExported:
		r.history.tracesExported(r.now())
	case ports.TraceFull:
		r.history.add(r.now(), "The trace of requests for a session has ended", causeOf(e))
	case ports.KeysEndEarly, ports.CORSRefused, ports.LimiterOutageDecision, ports.ConsoleRefused,
		ports.SpansLost:
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
