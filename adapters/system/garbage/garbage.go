// Package garbage bounds the memory that the process uses for garbage: memory that it allocated, no
// longer uses and has not collected yet. By default, Go lets garbage grow to the size of the memory
// in use. In a service with few subjects that is little, and collections cause most of the cost of
// its own code; under an attack it doubles the memory that the attack takes. The package imports
// the standard library only.
package garbage

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// spare is how many bytes of garbage there may be, within the following percentages.
	spare = 32 << 20
	// The garbage in percent of the memory in use: usual is the default of Go; least bounds the
	// cost of collections to four times the usual one, and most the memory of a small process.
	usual, least, most = 100, 25, 400
)

// Bound bounds the garbage for the rest of the life of the process. It does nothing if the operator
// chose a percentage with GOGC.
func Bound() {
	if before := debug.SetGCPercent(most); before != usual {
		debug.SetGCPercent(before)
		return
	}
	afterEachCollection(newRegulator(debug.SetGCPercent).adjust)
}

// percentage returns how much garbage there may be while used bytes are in use, in percent of used.
func percentage(used uint64) int {
	if used <= usual*spare/most {
		return most
	}
	return max(int(usual*spare/used), least)
}

// regulator adapts the percentage to the memory in use.
type regulator struct {
	set     func(percent int) (before int) // debug.SetGCPercent, except in tests
	current int                            // the percentage that was set last
	samples []metrics.Sample               // the memory in use is their sum
}

// newRegulator returns a regulator for a process whose percentage is most.
func newRegulator(set func(percent int) (before int)) *regulator {
	return &regulator{set: set, current: most, samples: []metrics.Sample{
		{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"},
	}}
}

// adjust sets the percentage for the memory that the last collection left in use.
func (r *regulator) adjust() {
	metrics.Read(r.samples)
	var used uint64
	for _, sample := range r.samples {
		used += sample.Value.Uint64()
	}
	r.adjustTo(used)
}

// adjustTo sets the percentage for used bytes in use. It ignores changes of less than a tenth,
// except to least and most, because each change stops the process for a moment.
func (r *regulator) adjustTo(used uint64) {
	percent := percentage(used)
	if change := percent - r.current; change*change*100 < r.current*r.current &&
		percent != most && percent != least {
		return
	}
	if percent != r.current {
		r.current = percent
		r.set(percent)
	}
}

// afterEachCollection calls act in a goroutine of the runtime after collections of garbage: act is
// the finalizer of an object that nothing refers to, so the runtime may skip some collections.
func afterEachCollection(act func()) {
	type unused struct{ act func() }
	var finalize func(*unused)
	finalize = func(u *unused) {
		u.act()
		runtime.SetFinalizer(u, finalize)
	}
	runtime.SetFinalizer(&unused{act}, finalize)
}
