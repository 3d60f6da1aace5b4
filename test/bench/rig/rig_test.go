package rig_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/bench/rig"
)

// TestContestantsTakeTurns shows the order of the turns, the first of which find the iterations.
func TestContestantsTakeTurns(t *testing.T) {
	var turns []string
	contestant := func(name string) rig.Contestant {
		return rig.Contestant{Name: name, Run: func(b *testing.B) {
			turns = append(turns, name)
			for range b.N {
				time.Sleep(time.Microsecond)
			}
		}}
	}
	all, err := rig.Run(rig.Plan{Rounds: 3, Turn: time.Millisecond}, contestant("a"),
		contestant("b"))
	require.NoError(t, err)
	// testing.Benchmark calls a contestant several times in a turn.
	assert.Equal(t, []string{"a", "b", "a", "b", "a", "b", "a", "b"}, slices.Compact(turns))
	for _, series := range all {
		require.Len(t, series.Turns, 3)
		assert.Equal(t, series.Turns[0].N, series.Turns[2].N)
	}
}

func TestContestantFails(t *testing.T) {
	for _, run := range []func(b *testing.B){
		func(b *testing.B) { b.FailNow() },
		func(b *testing.B) { b.Fail() }, // and goes on, as one of several callers does
	} {
		_, err := rig.Run(rig.Plan{Rounds: 1, Turn: time.Millisecond},
			rig.Contestant{Name: "broken", Run: run})
		assert.EqualError(t, err, "broken failed")
	}
}

// TestRatiosAreOfTheSameRound shows that a slow round, which slows all, changes no ratio.
func TestRatiosAreOfTheSameRound(t *testing.T) {
	of := func(name string, times ...time.Duration) rig.Series {
		series := rig.Series{Name: name}
		for _, took := range times {
			series.Turns = append(series.Turns, testing.BenchmarkResult{N: 1, T: took})
		}
		return series
	}
	slow, fast := of("slow", 20, 200, 40), of("fast", 10, 100, 20)
	assert.InDelta(t, 2.0, slow.Over(fast), 0)
	assert.InDelta(t, 0.5, fast.Over(slow), 0)
	assert.InDelta(t, 40.0, slow.Nanoseconds(), 0)
	assert.Equal(t, "fast", rig.Fastest(slow, fast).Name)
}

func row(value float64, unit rig.Unit, atLeast bool) rig.Row {
	return rig.Row{What: "sign", Beside: "a peer", Value: value, Unit: unit, AtLeast: atLeast,
		Reach: 6, Stretch: 9}
}

func TestRegressions(t *testing.T) {
	for name, c := range map[string]struct {
		before, now rig.Row
		worse       []string
	}{
		"the same": {row(2, rig.Times, false), row(2, rig.Times, false), nil},
		"within":   {row(2, rig.Times, false), row(2.29, rig.Times, false), nil},
		"beyond": {row(2, rig.Times, false), row(2.31, rig.Times, false),
			[]string{"sign, beside a peer: 2.31×, was 2×"}},
		"better": {row(2, rig.Times, false), row(1, rig.Times, false), nil},
		"fewer times as fast": {row(9, rig.Times, true), row(7, rig.Times, true),
			[]string{"sign, beside a peer: 7×, was 9×"}},
		"more times as fast": {row(7, rig.Times, true), row(9, rig.Times, true), nil},
		"an allocation more": {row(0, rig.Allocations, false), row(1, rig.Allocations, false),
			[]string{"sign, beside a peer: 1 allocations, was 0 allocations"}},
		"no allocation": {row(0, rig.Allocations, false), row(0, rig.Allocations, false), nil},
		"times":         {row(2, rig.Milliseconds, false), row(9, rig.Milliseconds, false), nil},
		"another row":   {rig.Row{What: "verify", Value: 1}, row(9, rig.Times, false), nil},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.worse,
				rig.NewResults(c.now).Regressions(rig.NewResults(c.before), 0.15))
		})
	}
}

// TestResultsAreKept shows that rows that were not measured again stay, in their order.
func TestResultsAreKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "results.json")
	none, err := rig.ReadResults(file)
	require.NoError(t, err)
	assert.Empty(t, none.Rows)

	other := rig.Row{What: "verify", Value: 1, Unit: rig.Times, Reach: 2, Stretch: 1}
	require.NoError(t, rig.NewResults(row(5, rig.Times, true), other).Write(file))
	read, err := rig.ReadResults(file)
	require.NoError(t, err)
	require.NoError(t, read.Merged(rig.NewResults(row(7.00049, rig.Times, true))).Write(file))
	read, err = rig.ReadResults(file)
	require.NoError(t, err)
	assert.Equal(t, rig.NewResults(row(7, rig.Times, true), other), read)
}

func TestCurvesAreKept(t *testing.T) {
	curve := func(name string, y float64) rig.Curve {
		return rig.Curve{Name: name, X: "subjects", Unit: rig.Nanoseconds,
			Points: []rig.Point{{X: 1, Y: y}}}
	}
	before := rig.Results{Curves: []rig.Curve{curve("a", 1), curve("b", 2)}}
	now := rig.Results{Curves: []rig.Curve{curve("b", 3.0001), curve("c", 4)}}
	file := filepath.Join(t.TempDir(), "results.json")
	require.NoError(t, before.Merged(now).Write(file))
	read, err := rig.ReadResults(file)
	require.NoError(t, err)
	assert.Equal(t, []rig.Curve{curve("a", 1), curve("b", 3), curve("c", 4)}, read.Curves)
}

func TestMarkdown(t *testing.T) {
	results := rig.NewResults(row(5.123, rig.Times, true), row(7, rig.Times, true),
		row(9, rig.Times, true), row(5, rig.Allocations, false), row(1234.5, rig.Bytes, false))
	results.Go, results.Processors = "go1.26", 2
	assert.Equal(t, `Measured with go1.26 on 2 processors, all contestants of a row in turn; medians.

| What | Beside | Measured | Reach | Stretch |
| --- | --- | --- | --- | --- |
| sign | a peer | 5.12×, **missed** | ≥ 6× | ≥ 9× |
| sign | a peer | 7×, reached | ≥ 6× | ≥ 9× |
| sign | a peer | 9×, stretch | ≥ 6× | ≥ 9× |
| sign | a peer | 5 allocations, stretch | ≤ 6 allocations | ≤ 9 allocations |
| sign | a peer | 1235 bytes, **missed** | ≤ 6 bytes | ≤ 9 bytes |
`, results.Markdown())
	assert.Equal(t, `| What | Beside | Measured |
| --- | --- | --- |
| sign | a peer | 5.12× |
| sign | a peer | 7× |
| sign | a peer | 9× |
`, results.Short())
}
