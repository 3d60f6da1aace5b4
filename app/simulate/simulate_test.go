package simulate_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/offload/sessiond/adapters/limiter/memory"
	"github.com/offload/sessiond/app/simulate"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/ports/portstest"
)

// list is a ports.Attempts over a list. It ends with err.
type list struct {
	attempts []ports.Attempt
	err      error
}

func (l *list) Next(attempt *ports.Attempt) (bool, error) {
	if len(l.attempts) == 0 {
		return false, l.err
	}
	*attempt = l.attempts[0]
	l.attempts = l.attempts[1:]
	return true, nil
}

func inMemory(limits throttle.Limits) (ports.LimiterStorage, error) {
	return memory.New(1_000_000, limits.Of)
}

func byModel(throttle.Limits) (ports.LimiterStorage, error) {
	return portstest.NewModelStorage(), nil
}

func check(dimension throttle.Dimension, subject int) throttle.Check {
	return throttle.Check{Dimension: dimension, Subject: throttle.Subject{byte(dimension), 15: byte(subject)}}
}

var start = time.Unix(1_800_000_000, 0)

// attempt returns a request for a new session at a second after start.
func attempt(second int, address, install int) ports.Attempt {
	at := time.Duration(second) * time.Second
	return ports.Attempt{Instant: throttle.Instant(at), Time: start.Add(at),
		Checks: throttle.NewChecks(check(throttle.ByAddress, address),
			check(throttle.ByInstall, install))}
}

func run(t *testing.T, attempts []ports.Attempt, settings ...simulate.Setting) simulate.Report {
	t.Helper()
	report, err := simulate.New(inMemory).Run(t.Context(), &list{attempts: attempts}, settings)
	require.NoError(t, err)
	return report
}

// begins makes the first attempt the beginning of a part with these limits.
func begins(attempts []ports.Attempt, recorded ports.RecordedLimits) []ports.Attempt {
	attempts[0].Begins = &recorded
	return attempts
}

// TestAgreesWithTheModel replays random requests through the memory storage and through the model
// of the conformance suite: the reports are the same.
func TestAgreesWithTheModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var attempts []ports.Attempt
		now := time.Duration(0)
		for range rapid.IntRange(1, 60).Draw(rt, "requests") {
			now += time.Duration(rapid.IntRange(0, 4).Draw(rt, "pause")) * time.Second
			one := ports.Attempt{Instant: throttle.Instant(now), Time: start.Add(now),
				Undecided: rapid.IntRange(0, 9).Draw(rt, "undecided") == 0}
			draw := func(dimension throttle.Dimension) throttle.Check {
				return check(dimension, rapid.IntRange(0, 2).Draw(rt, dimension.String()))
			}
			if rapid.Bool().Draw(rt, "renewal") {
				one.Checks = throttle.NewChecks(draw(throttle.ByRenewal),
					draw(throttle.ByRenewalAddress))
			} else {
				one.Checks = throttle.NewChecks(draw(throttle.ByAddress),
					draw(throttle.ByNetwork), draw(throttle.ByInstall))
			}
			attempts = append(attempts, one)
		}
		limit := func() int { return rapid.IntRange(0, 4).Draw(rt, "limit") }
		tried := func() int { return rapid.IntRange(throttle.Off, 4).Draw(rt, "tried limit") }
		recorded := ports.RecordedLimits{Window: 10 * time.Second,
			Limits: throttle.Limits{limit(), limit(), limit(), limit(), limit()}}
		begins(attempts, recorded)
		settings := []simulate.Setting{{}, {Window: 3 * time.Second}, {Limits: throttle.Limits{
			tried(), tried(), tried(), tried(), tried()}}}
		one, err := simulate.New(inMemory).Run(context.Background(),
			&list{attempts: attempts}, settings)
		require.NoError(rt, err)
		other, err := simulate.New(byModel).Run(context.Background(),
			&list{attempts: attempts}, settings)
		require.NoError(rt, err)
		require.Equal(rt, other, one)
	})
}

func TestRefusalsFallOnSubjects(t *testing.T) {
	var attempts []ports.Attempt
	for i := range 300 { // 300 installations behind 150 addresses, one of which asks often
		attempts = append(attempts, attempt(i, i%150, i%300))
	}
	for range 30 {
		attempts = append(attempts, attempt(300, 200, 400))
	}
	for range 3 {
		attempts = append(attempts, attempt(301, 201, 401))
	}
	report := run(t, begins(attempts, ports.RecordedLimits{Window: time.Minute}),
		simulate.Setting{Limits: throttle.Limits{throttle.ByInstall: 2}})
	result := report.Results[0]
	assert.Equal(t, 333, report.Requests)
	assert.Equal(t, 29, result.Refusals.Total)
	assert.Equal(t, [5]int{throttle.ByInstall: 29}, result.By)
	assert.Equal(t, time.Minute, result.LongestWait)
	// The subjects are bytes in this test, so some are the same.
	assert.Equal(t, simulate.Share{Subjects: 152, Refused: 2, Top: 29. / 29},
		result.Kinds[simulate.Addresses])
	assert.Equal(t, 2, result.Kinds[simulate.Installations].Refused)
	assert.Equal(t, simulate.Share{}, result.Kinds[simulate.Networks])
	assert.Equal(t, start, report.First)
	assert.Equal(t, start.Add(301*time.Second), report.Last)
	sum := 0
	for _, count := range result.Requests.Counts() {
		sum += count
	}
	assert.Equal(t, 333, sum)
	assert.Equal(t, 4*time.Second, result.Requests.Width)
}

func TestSuggestion(t *testing.T) {
	var attempts []ports.Attempt
	for i := range 100 {
		attempts = append(attempts, attempt(0, i, i))
	}
	for range 9 { // one address asks ten times, another five times
		attempts = append(attempts, attempt(1, 0, 0))
	}
	for range 4 {
		attempts = append(attempts, attempt(1, 1, 1))
	}
	var settings []simulate.Setting
	for _, limit := range []int{20, 10, 5, 1} {
		settings = append(settings, simulate.Setting{Limits: throttle.Limits{limit}})
	}
	report := run(t, begins(attempts, ports.RecordedLimits{Window: time.Minute}), settings...)
	for share, want := range map[float64]int{0: 1, 0.009: 1, 0.01: 2, 0.02: 3, 1: 3} {
		index, found := report.Suggest(share)
		assert.True(t, found)
		assert.Equal(t, settings[want], simulate.Setting{Limits: report.Results[index].Setting.Limits},
			share)
	}
	report = run(t, begins(attempts, ports.RecordedLimits{Window: time.Minute}), settings[3])
	_, found := report.Suggest(0.001)
	assert.False(t, found)
}

// TestSuggestsTheLowerOfEqualSettings checks that an unlimited dimension counts as the highest
// limit.
func TestSuggestsTheLowerOfEqualSettings(t *testing.T) {
	recorded := ports.RecordedLimits{Window: time.Minute, Limits: throttle.Limits{
		throttle.ByAddress: 8, throttle.ByInstall: 8}}
	var settings []simulate.Setting
	for _, limit := range []int{throttle.Off, 9, 7, 8, 0} {
		settings = append(settings, simulate.Setting{Limits: throttle.Limits{
			throttle.ByInstall: limit}})
	}
	report := run(t, begins([]ports.Attempt{attempt(0, 1, 1)}, recorded), settings...)
	assert.Zero(t, report.Results[0].Setting.Limits.Of(throttle.ByInstall))
	assert.Equal(t, 8, report.Results[4].Setting.Limits.Of(throttle.ByInstall))
	index, found := report.Suggest(0)
	assert.True(t, found)
	assert.Equal(t, 2, index)
}

func TestPartsOfARecording(t *testing.T) {
	first := begins([]ports.Attempt{attempt(50, 1, 1), attempt(51, 1, 1)},
		ports.RecordedLimits{Limits: throttle.Limits{1, 0, 5}, Window: time.Minute})
	second := begins([]ports.Attempt{attempt(1, 1, 1), attempt(2, 1, 1)},
		ports.RecordedLimits{Limits: throttle.Limits{2, 0, 5}, Window: time.Minute})
	report := run(t, append(first, second...), simulate.Setting{},
		simulate.Setting{Limits: throttle.Limits{1}})
	assert.True(t, report.LimitsChanged)
	assert.Equal(t, 2, report.Parts)
	assert.Equal(t, 1, report.Results[0].Refusals.Total, "each part has its own limits")
	assert.Equal(t, 2, report.Results[1].Refusals.Total, "what is given is for all")
	assert.Equal(t, throttle.Limits{1, 0, 5}, report.Results[1].Setting.Limits)
}

func TestRunFails(t *testing.T) {
	broken := errors.New("broken")
	attempts := begins([]ports.Attempt{attempt(0, 1, 1)}, ports.RecordedLimits{Window: time.Minute})
	_, err := simulate.New(inMemory).Run(t.Context(), &list{attempts, broken},
		[]simulate.Setting{{}})
	assert.ErrorIs(t, err, broken)
	_, err = simulate.New(func(throttle.Limits) (ports.LimiterStorage, error) {
		return nil, broken
	}).Run(t.Context(), &list{attempts: attempts}, []simulate.Setting{{}})
	assert.ErrorIs(t, err, broken)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = simulate.New(inMemory).Run(ctx, &list{attempts: attempts}, []simulate.Setting{{}})
	assert.ErrorIs(t, err, context.Canceled)
}

// TestTimelineCountsAnyTimes counts requests whose times are far apart, or go back.
func TestTimelineCountsAnyTimes(t *testing.T) {
	for _, times := range [][]time.Time{{start, time.Unix(1<<40, 0), start, time.Unix(0, 0)},
		{time.Unix(0, 0), time.Unix(9_000_000_000, 0)}} {
		t.Run(fmt.Sprint(times[0]), func(t *testing.T) {
			var attempts []ports.Attempt
			for i, at := range times {
				one := attempt(i, 1, 1)
				one.Time = at
				attempts = append(attempts, one)
			}
			report := run(t, begins(attempts, ports.RecordedLimits{Window: time.Minute}),
				simulate.Setting{Limits: throttle.Limits{1}})
			sum := 0
			for _, count := range report.Results[0].Requests.Counts() {
				sum += count
			}
			assert.Equal(t, len(times), sum)
		})
	}
}
