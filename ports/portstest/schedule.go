package portstest

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/offload/sessiond/domain/throttle"
)

// randomSchedules asks at random on few subjects, with instants that lie on the edges of windows more often than chance would have it, and
// holds every answer against the model.
func randomSchedules(t *testing.T, open Limiter) {
	rapid.Check(t, func(rt *rapid.T) {
		storage := open(t)
		model := newModel()
		windows := []time.Duration{window, time.Second}
		limits := [2]int{rapid.IntRange(1, 5).Draw(rt, "limit by address"),
			rapid.IntRange(1, 5).Draw(rt, "limit by install")}
		now := start
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			now = now.After(drawStep(rt, model, now))
			asks := drawAsks(rt, windows, limits)
			at := now
			if rapid.IntRange(0, 4).Draw(rt, "late") == 0 {
				at -= throttle.Instant(rapid.Int64Range(0, int64(2*window)).Draw(rt, "by"))
			}
			if model.vague(at) {
				continue
			}
			decision := decide(t, storage, at, asks...)
			answers, granted := model.decide(at, asks)
			if granted == decision.Refused() {
				rt.Fatalf("at %d: granted is %v, should be %v", at, !decision.Refused(), granted)
			}
			for i, want := range answers {
				standing := decision.At(i)
				got := answer{left: standing.Remaining, growsIn: standing.ResetAfter,
					retryIn: standing.RetryAfter}
				if got != want || standing.Check != asks[i] {
					rt.Fatalf("at %d: ask %d stands at %+v, should be %+v", at, i, got, want)
				}
			}
		}
	})
}

// drawStep is how far the clock moves: a little, a lot, or right to the edge at which some grant leaves.
func drawStep(rt *rapid.T, model *model, now throttle.Instant) time.Duration {
	var edges []throttle.Instant
	for key, grants := range model.grants {
		for _, grant := range grants {
			if leaves := grant + throttle.Instant(key.window); leaves > now+1 {
				edges = append(edges, leaves)
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
		return now.Until(nearest) + time.Duration(rapid.IntRange(-1, 1).Draw(rt, "beside the edge"))
	}
}

func drawAsks(rt *rapid.T, windows []time.Duration, limits [2]int) []throttle.Check {
	address := byAddress(rapid.IntRange(0, 1).Draw(rt, "address"), limits[0])
	install := byInstall(rapid.IntRange(0, 2).Draw(rt, "install"), limits[1])
	address.Window = rapid.SampledFrom(windows).Draw(rt, "window by address")
	install.Window = rapid.SampledFrom(windows).Draw(rt, "window by install")
	switch rapid.IntRange(0, 3).Draw(rt, "who asks") {
	case 0:
		return []throttle.Check{install}
	case 1:
		return []throttle.Check{address}
	default:
		return []throttle.Check{address, install}
	}
}
