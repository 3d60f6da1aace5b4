// Package simulate replays recorded requests to issue sessions under other limits, and reports
// which of them these limits would have refused. It imports domain and ports.
//
// Each setting has a limiter storage of its own, which decides as that of the service does. Memory
// use is proportional to the number of different subjects and, for each setting, to the number of
// subjects that it refused and of grants within its window.
package simulate

import (
	"context"
	"time"

	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// Setting is a choice of limits to try. A limit or a window of 0 stands for the recorded one; a
// dimension whose recorded limit is unknown is then not limited. A limit of throttle.Off disables a
// dimension.
type Setting struct {
	Limits throttle.Limits
	Window time.Duration
}

// in returns the setting with the recorded limits in place of those that it does not name.
func (s Setting) in(recorded ports.RecordedLimits) Setting {
	for dimension, limit := range s.Limits {
		switch limit {
		case 0:
			s.Limits[dimension] = recorded.Limits[dimension]
		case throttle.Off:
			s.Limits[dimension] = 0
		}
	}
	if s.Window == 0 {
		s.Window = recorded.Window
	}
	return s
}

// Service replays requests.
type Service struct {
	open func(throttle.Limits) (ports.LimiterStorage, error)
}

// New returns a service that opens an empty storage, made for some limits, with open.
func New(open func(throttle.Limits) (ports.LimiterStorage, error)) *Service {
	return &Service{open: open}
}

// run is the state of one replay.
type run struct {
	open     func(throttle.Limits) (ports.LimiterStorage, error)
	report   Report
	recorded ports.RecordedLimits // of the first part
	trials   []trial
	subjects subjects
}

// trial is the replay under one setting.
type trial struct {
	asked   Setting // as passed to Run
	setting Setting // with the recorded limits of the current part
	storage ports.LimiterStorage
	result  Result
	refused map[subjectID]int // the number of refusals
}

// Run replays all attempts under each setting. Every window must be known, from the setting or from
// the recording. It fails with the error of attempts, of a storage, or of ctx when that is done.
func (s *Service) Run(ctx context.Context, attempts ports.Attempts,
	settings []Setting) (Report, error) {
	r := run{open: s.open, subjects: newSubjects()}
	for _, setting := range settings {
		r.trials = append(r.trials, trial{asked: setting, refused: map[subjectID]int{},
			result: Result{Setting: setting.in(ports.RecordedLimits{})}})
	}
	var attempt ports.Attempt
	for {
		more, err := attempts.Next(&attempt)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return Report{}, err
		}
		if !more {
			return r.finish(), nil
		}
		if err := r.add(ctx, &attempt); err != nil {
			return Report{}, err
		}
	}
}

// begin opens new storages for a part of the recording, which begins without grants.
func (r *run) begin(recorded ports.RecordedLimits) error {
	first := r.report.Parts == 0
	if first {
		r.recorded = recorded
	}
	r.report.LimitsChanged = r.report.LimitsChanged || r.recorded.Limits != recorded.Limits ||
		r.recorded.Window != recorded.Window
	r.report.Parts++
	for i := range r.trials {
		trial := &r.trials[i]
		trial.setting = trial.asked.in(recorded)
		if first {
			trial.result.Setting = trial.setting
		}
		storage, err := r.open(trial.setting.Limits)
		if err != nil {
			return err
		}
		trial.storage = storage
	}
	return nil
}

// add replays one attempt under every setting.
func (r *run) add(ctx context.Context, attempt *ports.Attempt) error {
	if attempt.Begins != nil {
		if err := r.begin(*attempt.Begins); err != nil {
			return err
		}
	}
	if attempt.Undecided {
		r.report.Undecided++
		return nil
	}
	r.report.Requests++
	if r.report.Requests == 1 {
		r.report.First = attempt.Time
	}
	r.report.Last = attempt.Time
	n := attempt.Checks.Len()
	var ids [throttle.MaxChecks]subjectID
	for i := range n {
		ids[i] = r.subjects.id(attempt.Checks.At(i))
	}
	for i := range r.trials {
		if err := r.trials[i].add(ctx, attempt, ids[:n]); err != nil {
			return err
		}
	}
	return nil
}

// add replays one attempt, whose subjects have these ids.
func (t *trial) add(ctx context.Context, attempt *ports.Attempt, ids []subjectID) error {
	t.result.Requests.add(attempt.Time)
	var limited [throttle.MaxChecks]throttle.Check
	n := 0
	for i := range attempt.Checks.Len() {
		check := attempt.Checks.At(i)
		check.Limit, check.Window = t.setting.Limits.Of(check.Dimension), t.setting.Window
		if check.Limit > 0 {
			limited[n] = check
			n++
		}
	}
	if n == 0 {
		return nil
	}
	decision, err := t.storage.Decide(ctx, attempt.Instant, throttle.NewChecks(limited[:n]...))
	if err != nil {
		return err
	}
	refusal, refused := decision.Refusal()
	if !refused {
		return nil
	}
	t.result.Refusals.add(attempt.Time)
	t.result.By[refusal.Dimension]++
	t.result.LongestWait = max(t.result.LongestWait, refusal.RetryAfter)
	for _, id := range ids {
		t.refused[id]++
	}
	return nil
}

// finish returns the report.
func (r *run) finish() Report {
	for i := range r.trials {
		trial := &r.trials[i]
		trial.result.Kinds = r.subjects.shares(trial.refused)
		r.report.Results = append(r.report.Results, trial.result)
	}
	r.report.Seen = r.subjects.seen
	return r.report
}
