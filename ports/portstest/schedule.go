package portstest

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/offload/sessiond/domain/throttle"
)

// testRandomSchedules makes random checks for a few subjects, at instants of which many lie on the
// edges of windows, and compares every answer with that of the model.
func testRandomSchedules(t *testing.T, open Limiter) {
	rapid.Check(t, func(rt *rapid.T) {
		storage := open(t)
		model := newModel()
		windows := []time.Duration{window, time.Second}
		limits := map[throttle.Dimension]int{}
		for _, dimension := range throttle.Dimensions() {
			limits[dimension] = rapid.IntRange(1, 5).Draw(rt, "limit by "+dimension.String())
		}
		limits[throttle.ByProof] = throttle.ProofLimit
		now := start
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			now = now.After(drawStep(rt, model, now))
			checks := drawChecks(rt, windows, limits)
			at := now
			if rapid.IntRange(0, 4).Draw(rt, "late") == 0 {
				at -= throttle.Instant(rapid.Int64Range(0, int64(2*window)).Draw(rt, "late by"))
			}
			if model.ambiguous(at) {
				continue
			}
			decision := decide(t, storage, at, checks...)
			answers, granted := model.decide(at, checks)
			if granted == decision.Refused() {
				rt.Fatalf("at %d: granted is %v, want %v", at, !decision.Refused(), granted)
			}
			for i, want := range answers {
				state := decision.At(i)
				got := answer{remaining: state.Remaining, resetAfter: state.ResetAfter,
					retryAfter: state.RetryAfter}
				if got != want || state.Check != checks[i] {
					rt.Fatalf("at %d: the state of check %d is %+v, want %+v", at, i, got, want)
				}
			}
		}
	})
}

// drawStep returns how far the clock moves: not at all, a random distance, or right to the edge at
// which a grant expires.
func drawStep(rt *rapid.T, model *model, now throttle.Instant) time.Duration {
	var edges []throttle.Instant
	for key, grants := range model.grants {
		for _, grant := range grants {
			if expires := grant + throttle.Instant(key.window); expires > now+1 {
				edges = append(edges, expires)
			}
		}
	}
	switch kind := rapid.IntRange(0, 3).Draw(rt, "kind of step"); {
	case kind == 0:
		return 0
	case kind == 1 || len(edges) == 0:
		return time.Duration(rapid.Int64Range(0, int64(window)).Draw(rt, "step"))
	default:
		nearest := edges[0]
		for _, edge := range edges {
			nearest = min(nearest, edge)
		}
		return now.Until(nearest) +
			time.Duration(rapid.IntRange(-1, 1).Draw(rt, "offset from the edge"))
	}
}

// drawChecks draws the checks of a new session or of a renewal, each with a proof or without, or
// some of these checks.
func drawChecks(rt *rapid.T, windows []time.Duration,
	limits map[throttle.Dimension]int) []throttle.Check {
	dimensions := rapid.SampledFrom([][]throttle.Dimension{
		{throttle.ByAddress, throttle.ByNetwork, throttle.ByInstall},
		{throttle.ByAddress, throttle.ByInstall},
		{throttle.ByRenewal, throttle.ByRenewalAddress},
		{throttle.ByAddress}, {throttle.ByNetwork}, {throttle.ByInstall}, {throttle.ByProof},
		{throttle.ByAddress, throttle.ByNetwork, throttle.ByInstall, throttle.ByProof},
		{throttle.ByRenewal, throttle.ByRenewalAddress, throttle.ByProof},
	}).Draw(rt, "dimensions")
	checks := make([]throttle.Check, len(dimensions))
	for i, dimension := range dimensions {
		checks[i] = check(dimension, rapid.IntRange(0, 1).Draw(rt, dimension.String()),
			limits[dimension])
		checks[i].Window = rapid.SampledFrom(windows).Draw(rt, "window by "+dimension.String())
	}
	return checks
}
