package main

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/offload/sessiond/adapters/limiter/memory"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports/portsfake"
	"github.com/offload/sessiond/test/bench/rig"
)

// growth measures how the cost of a decision grows.
func growth(turns rig.Plan) ([]rig.Curve, error) {
	turns.Rounds = min(turns.Rounds, roundsOfMany)
	shared := turns
	shared.Turn = max(turns.Turn, turnOfShared)
	var curves []rig.Curve
	for _, c := range []struct {
		curve rig.Curve
		xs    []int
		at    func(x int) (float64, error)
	}{
		{rig.Curve{Name: "a decision of one check in memory", X: "subjects", Unit: rig.Nanoseconds},
			[]int{1, 100, 10_000, 1_000_000},
			func(subjects int) (float64, error) {
				return bySubjects(turns, cell{checks: 1, subjects: subjects})
			}},
		{rig.Curve{Name: "a decision in memory, nearly at the limit", X: "limit",
			Unit: rig.Nanoseconds}, []int{4, 100, 10_000},
			func(limit int) (float64, error) { return byLimit(turns, limit) }},
		{rig.Curve{Name: "memory of a subject on Redis at the limit", X: "limit", Unit: rig.Bytes},
			[]int{4, 100, 10_000}, bytesOfSubject},
		{rig.Curve{Name: "decisions of two checks in memory, 10⁴ subjects", X: "processors",
			Unit: rig.PerSecond}, []int{1, 2},
			func(processors int) (float64, error) {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
				took, err := bySubjects(turns, cell{checks: 2, subjects: 10_000, parallel: true})
				return float64(time.Second) / took, err
			}},
		{rig.Curve{Name: replicasCurve, X: "replicas", Unit: rig.PerSecond}, []int{1, 2, 4},
			func(replicas int) (float64, error) { return byReplicas(shared, replicas) }},
	} {
		for _, x := range c.xs {
			y, err := c.at(x)
			if err != nil {
				return nil, err
			}
			c.curve.Points = append(c.curve.Points, rig.Point{X: float64(x), Y: y})
		}
		curves = append(curves, c.curve)
	}
	return curves, nil
}

// replicasCurve is the name of the curve that is plotted.
const replicasCurve = "decisions on one Redis, 64 callers in all"

// bySubjects returns how long a decision takes in a cell.
func bySubjects(turns rig.Plan, c cell) (float64, error) {
	members := max(c.subjects/c.checks, 1)
	decide, _, err := storageDecider(members, c.checks)
	if err != nil {
		return 0, err
	}
	return timed(turns, contestantOf("sessiond", decide, members, c, ownTurns))
}

// byLimit returns how long a decision takes for subjects that are always nearly at their limit.
func byLimit(turns rig.Plan, limit int) (float64, error) {
	const members = 100
	storage, err := memory.New(4*members*limit, portsfake.SameLimit(limit))
	if err != nil {
		return 0, err
	}
	crowd := newCrowd(members, 1)
	crowd.prepare(members)
	step, made := window/time.Duration(members*limit)*10/9, 0
	decide := func() error {
		check := throttle.Check{Dimension: throttle.ByInstall, Limit: limit, Window: window,
			Subject: throttle.Subject(crowd.subject(made%members, 0))}
		now := throttle.Instant(0).After(time.Duration(made) * step)
		made++
		decision, err := storage.Decide(context.Background(), now, throttle.NewChecks(check))
		if err == nil && decision.Refused() {
			return errTaken
		}
		return err
	}
	for range members * limit {
		if err := decide(); err != nil {
			return 0, err
		}
	}
	return timed(turns, rig.Contestant{Name: "sessiond", Run: func(b *testing.B) {
		for range b.N {
			if err := decide(); err != nil {
				b.Fatal(err)
			}
		}
	}})
}

// byReplicas returns how many decisions a second some replicas make together, each with a storage
// and connections of its own, on one server.
func byReplicas(turns rig.Plan, replicas int) (float64, error) {
	server, err := startRedis()
	if err != nil {
		return 0, err
	}
	defer server.stop()
	var all []sharedDecider
	for range replicas {
		decide, stop, err := behindPolicy(server)
		if err != nil {
			return 0, err
		}
		defer stop() //nolint:gocritic // all are needed until the end
		all = append(all, decide)
	}
	var made atomic.Uint64
	took, err := timed(turns, sharedContestant("sessiond", sharedLoads[2],
		func(ctx context.Context, q *request) error {
			return all[made.Add(1)%uint64(len(all))](ctx, q)
		}))
	return float64(time.Second) / took, err
}

// timed returns the median time of one iteration.
func timed(turns rig.Plan, contestant rig.Contestant) (float64, error) {
	all, err := rig.Run(turns, contestant)
	if err != nil {
		return 0, err
	}
	return all[0].Nanoseconds(), nil
}
