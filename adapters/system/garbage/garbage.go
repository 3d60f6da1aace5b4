// Package garbage says how much memory the process takes for garbage: what it allocated, no longer
// uses and has not collected yet. Go lets that grow to as much as the process uses. In a service
// with few subjects that is little, and collections are most of what its own code costs; under an
// attack it doubles the memory that the attack takes. The package imports the standard library
// only.
package garbage

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// spare is how much memory the garbage may take.
	spare = 32 << 20
	// usual is Go's own choice of the garbage in percent of what is in use. Least bounds the cost
	// of collections to four times the usual one, and most the memory of a small process.
	usual, least, most = 100, 25, 400
)

// Bound sets how much garbage there may be from now on, for as long as the process lives. It does
// nothing if the operator chose a percentage with GOGC.
func Bound() {
	if before := debug.SetGCPercent(most); before != usual {
		debug.SetGCPercent(before)
		return
	}
	afterEachCollection(newRegulator(debug.SetGCPercent).adjust)
}

// percentage returns how much garbage there may be when so many bytes are in use, in percent of
// those.
func percentage(used uint64) int {
	if used <= usual*spare/most {
		return most
	}
	return max(int(usual*spare/used), least)
}

// regulator sets the percentage.
type regulator struct {
	set     func(percent int) (before int)
	current int
	samples []metrics.Sample
}

func newRegulator(set func(percent int) (before int)) *regulator {
	return &regulator{set: set, current: most, samples: []metrics.Sample{
		{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"},
	}}
}

// adjust sets the percentage by what the last collection left.
func (r *regulator) adjust() {
	metrics.Read(r.samples)
	var used uint64
	for _, sample := range r.samples {
		used += sample.Value.Uint64()
	}
	r.adjustTo(used)
}

// adjustTo sets the percentage for so many bytes in use. Small changes are left out, because each
// stops the process for a moment.
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

// afterEachCollection calls act after each collection of garbage, as far as the runtime allows: act
// is a finalizer of an object that nothing refers to.
func afterEachCollection(act func()) {
	type unused struct{ act func() }
	var finalize func(*unused)
	finalize = func(u *unused) {
		u.act()
		runtime.SetFinalizer(u, finalize)
	}
	runtime.SetFinalizer(&unused{act}, finalize)
}
