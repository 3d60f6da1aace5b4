package main

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/offload/sessiond/adapters/limiter/memory"
	"github.com/offload/sessiond/adapters/system/clock"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/test/bench/rig"
)

// The limits and the window of a new session, as they are by default, but for the limit of an
// installation, which is 4: a caller that the machine holds up comes with an instant of the past,
// and its subjects get one grant more in a window than others.
const window = time.Minute

var newSession = []throttle.Check{
	{Dimension: throttle.ByAddress, Limit: 32, Window: window},
	{Dimension: throttle.ByInstall, Limit: 8, Window: window},
	{Dimension: throttle.ByNetwork, Limit: 2048, Window: window},
}

func limitOf(dimension throttle.Dimension) int {
	for _, check := range newSession {
		if check.Dimension == dimension {
			return check.Limit
		}
	}
	return 1
}

// decider makes the i-th decision of those that the crowd prepared.
type decider func(c *crowd, i int) error

// maxSubjects is what the service's storage has room for by default. More room means more shards.
const maxSubjects = 1_000_000

// storageDecider returns a decider of our storage. Its instants are such that every decision is
// granted, for subjects that have up to three grants in their window. It reads the clock all the
// same, as the service does and as peers do.
func storageDecider(members, checks int) (decider, *memory.Storage, error) {
	storage, err := memory.New(max(maxSubjects, 4*members), limitOf)
	real := clock.New()
	step := window * 9 / 20 / time.Duration(members)
	return func(c *crowd, i int) error {
		var all [3]throttle.Check
		for k := range checks {
			all[k] = newSession[k]
			all[k].Subject = throttle.Subject(c.subject(i, k))
		}
		if real.Instant() < 0 {
			return fmt.Errorf("the clock is at %d", real.Instant())
		}
		now := throttle.Instant(0).After(time.Duration(c.position(i)) * step)
		decision, err := storage.Decide(context.Background(), now, throttle.NewChecks(all[:checks]...))
		if err == nil && decision.Refused() {
			return fmt.Errorf("decision %d is a refusal", c.position(i))
		}
		return err
	}, storage, err
}

// roundsOfMany is how many rounds there are at most.
const roundsOfMany = 9

// cell is one combination that decisions are measured in.
type cell struct {
	checks, subjects int
	parallel         bool
}

func (c cell) String() string {
	callers := "one caller"
	if c.parallel {
		callers = "a caller on each processor"
	}
	return fmt.Sprintf("%d checks, 10%s subjects, %s", c.checks,
		map[int]string{1: "⁰", 100: "²", 10_000: "⁴", 1_000_000: "⁶"}[c.subjects], callers)
}

// memoryGroup measures decisions of the limiter's storage in memory, in all cells: the row has the
// worst of them, and its figures have all.
func memoryGroup(turns rig.Plan) ([]rig.Row, error) {
	const what = "a decision in memory, exact"
	worst := rig.Row{What: what, Beside: "as many calls of the fastest of go-limiter, ulule/limiter, " +
		"throttled, httprate, x/time/rate; the worst of 2 and 3 checks, 10⁴ and 10⁶ subjects, serial " +
		"and parallel", Unit: rig.Times, AtLeast: true, Reach: 1.3, Stretch: 2}
	var allocated float64
	for _, subjects := range []int{10_000, 1_000_000} {
		for _, checks := range []int{2, 3} {
			for _, parallel := range []bool{false, true} {
				c := cell{checks, subjects, parallel}
				all, err := contest(turns, c)
				if err != nil {
					return nil, fmt.Errorf("%v: %w", c, err)
				}
				own, fastest := all[0], rig.Fastest(all[1:]...)
				ratio := fastest.Over(own)
				if worst.Value == 0 || ratio < worst.Value {
					worst.Value = ratio
				}
				allocated = max(allocated, own.Allocs())
				worst.Figures = append(worst.Figures,
					rig.Figure{Name: c.String(), Value: ratio, Unit: rig.Times})
				for _, figure := range rig.Figures(own, fastest) {
					figure.Name = c.String() + ": " + figure.Name
					worst.Figures = append(worst.Figures, figure)
				}
			}
		}
	}
	return []rig.Row{worst, {What: what, Beside: "–", Value: allocated, Unit: rig.Allocations}}, nil
}

// contest measures one cell: our storage first, then its peers.
func contest(turns rig.Plan, c cell) ([]rig.Series, error) {
	members := max(c.subjects/c.checks, 1)
	turns.Rounds = min(turns.Rounds, roundsOfMany) // collecting garbage between turns takes long
	own, _, err := storageDecider(members, c.checks)
	if err != nil {
		return nil, err
	}
	contestants := []rig.Contestant{contestantOf("sessiond", own, members, c, ownTurns)}
	for _, p := range limiters {
		decide, stop, err := p.make()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		defer stop() //nolint:gocritic // all are needed until the end
		contestants = append(contestants,
			contestantOf(p.name, decide.times(c.checks), members, c, 1))
	}
	return rig.Run(turns, contestants...)
}

// ownTurns is how often every member of the crowd must come until our storage has as many of its
// grants as it ever has. Peers have one number for it from the first.
const ownTurns = 3

// contestantOf returns a contestant to whose storage every member came a few times before.
func contestantOf(name string, decide decider, members int, c cell, turns int) rig.Contestant {
	crowd := newCrowd(members, c.checks)
	filled := false
	return rig.Contestant{Name: name, Run: func(b *testing.B) {
		if !filled {
			for rest := turns * members; rest > 0; {
				n := min(rest, 1<<16)
				crowd.prepare(n)
				for i := range n {
					if err := decide(crowd, i); err != nil {
						b.Fatal(err)
					}
				}
				rest -= n
			}
			filled = true
		}
		b.ReportAllocs()
		if c.parallel {
			crowd.parallel(b, decide)
			return
		}
		crowd.prepare(b.N)
		b.ResetTimer()
		for i := range b.N {
			if err := decide(crowd, i); err != nil {
				b.Fatal(err)
			}
		}
	}}
}
