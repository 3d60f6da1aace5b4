// Package garbage bounds the memory that the process takes for garbage: what it allocated, no
// longer uses and has not collected yet. Go lets that grow to as much as the process uses, which is
// little in a calm service and doubles what an attack costs. The package imports the standard
// library only.
package garbage

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// spare is how much memory the garbage may take, if a collection is not to run too often.
	spare = 32 << 20
	// usual is Go's own choice of the garbage in percent of what is in use, and least the smallest
	// one, so that the cost of collections stays below four times the usual.
	usual, least = 100, 25
)

// Bound bounds the garbage from now on, for as long as the process lives. It does nothing if the
// operator chose a percentage with GOGC.
func Bound() {
	if before := debug.SetGCPercent(usual); before != usual {
		debug.SetGCPercent(before)
		return
	}
	afterEachCollection(newRegulator(debug.SetGCPercent).adjust)
}

// percentage returns how much garbage there may be when so many bytes are in use, in percent of
// those.
func percentage(used uint64) int {
	if used <= spare {
		return usual
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
	return &regulator{set: set, current: usual, samples: []metrics.Sample{
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
		percent != usual && percent != least {
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
