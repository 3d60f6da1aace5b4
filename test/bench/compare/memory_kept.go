package main

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/sethvargo/go-limiter/memorystore"
	"golang.org/x/sys/unix"

	"github.com/offload/sessiond/adapters/limiter/memory"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/test/bench/rig"
)

// many is how many subjects the rows of expiry and of bytes have.
const many = 1_000_000

// keptGroup measures what many subjects cost: their memory, and their end.
func keptGroup(rig.Plan) ([]rig.Row, error) {
	expiry, err := expiryRow()
	if err != nil {
		return nil, err
	}
	kept, err := keptRow()
	return []rig.Row{expiry, kept}, err
}

// expiryRow measures the longest decision while many subjects expire that were granted within a
// second, and the longest call of go-limiter while it sweeps as many.
func expiryRow() (rig.Row, error) {
	const rounds = 3
	var own []float64
	for range rounds {
		longest, err := longestDecision()
		if err != nil {
			return rig.Row{}, err
		}
		own = append(own, milliseconds(longest))
	}
	swept, err := longestSweep()
	if err != nil {
		return rig.Row{}, err
	}
	return rig.Row{What: "the longest wait of one decision while 10⁶ subjects expire",
		Beside: "go-limiter's sweep (figures)", Value: rig.Median(own), Unit: rig.Milliseconds,
		Reach: 2, Stretch: 0.2, Figures: []rig.Figure{
			{Name: "sessiond", Value: rig.Median(own), Unit: rig.Milliseconds},
			{Name: "go-limiter", Value: milliseconds(swept), Unit: rig.Milliseconds}}}, nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// computed returns how long the thread has computed.
func computed() (time.Duration, error) {
	var spent unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &spent)
	return time.Duration(spent.Nano()), err
}

// longestDecision fills a storage, lets its windows end, and makes decisions until all subjects are
// gone. There is one caller, who waits for no lock: a decision takes as long as it computes, and
// what else runs on the machine does not count.
func longestDecision() (longest time.Duration, err error) {
	storage, err := memory.New(2*many, limitOf)
	if err != nil {
		return 0, err
	}
	crowd := newCrowd(many, 1)
	decide := func(i int, now throttle.Instant) error {
		check := throttle.Check{Dimension: throttle.ByInstall, Limit: 4, Window: window,
			Subject: throttle.Subject(crowd.subject(i, 0))}
		_, err := storage.Decide(context.Background(), now, throttle.NewChecks(check))
		return err
	}
	step := time.Second / many
	crowd.prepare(many)
	for i := range many {
		if err := decide(i, throttle.Instant(0).After(time.Duration(i)*step)); err != nil {
			return 0, err
		}
	}
	runtime.GC()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// Two expire with each decision, and one is added.
	begin := throttle.Instant(0).After(2 * window)
	for i := range many {
		before, err := computed()
		if err != nil {
			return 0, err
		}
		if err := decide(i, begin.After(time.Duration(i)*step)); err != nil {
			return 0, err
		}
		after, err := computed()
		if err != nil {
			return 0, err
		}
		longest = max(longest, after-before)
	}
	return longest, nil
}

// longestSweep fills go-limiter, and calls it until it has swept.
func longestSweep() (longest time.Duration, err error) {
	const interval = 15 * time.Second // in which it is filled
	store, err := memorystore.New(&memorystore.Config{Tokens: generous, Interval: window,
		SweepInterval: interval, SweepMinTTL: time.Nanosecond, InitialAlloc: many})
	if err != nil {
		return 0, err
	}
	ctx := context.Background()
	defer func() { _ = store.Close(ctx) }()
	crowd := newCrowd(many, 1)
	crowd.prepare(many)
	began := time.Now()
	for i := range many {
		if _, _, _, _, err := store.Take(ctx, crowd.key(i, 0)); err != nil {
			return 0, err
		}
	}
	if took := time.Since(began); took > interval {
		return 0, fmt.Errorf("go-limiter took %v to fill", took)
	}
	key := crowd.key(0, 0)
	for time.Since(began) < interval+interval/2 {
		called := time.Now()
		if _, _, _, _, err := store.Take(ctx, key); err != nil {
			return 0, err
		}
		longest = max(longest, time.Since(called))
		time.Sleep(100 * time.Microsecond)
	}
	return longest, nil
}

// keptRow measures the memory that a subject with one grant takes, among many.
func keptRow() (rig.Row, error) {
	row := rig.Row{What: "memory of a subject with one grant, 10⁶ of them",
		Beside: "httprate, throttled, go-limiter (figures)", Unit: rig.Bytes, Reach: 56, Stretch: 48}
	own, _, err := storageDecider(many, 1)
	if err != nil {
		return row, err
	}
	row.Value, err = kept(own)
	if err != nil {
		return row, err
	}
	row.Figures = append(row.Figures, rig.Figure{Name: "sessiond", Value: row.Value, Unit: rig.Bytes})
	for _, p := range limiters {
		take, stop, err := p.make()
		if err != nil {
			return row, err
		}
		bytes, err := kept(take.times(1))
		stop()
		if err != nil {
			return row, err
		}
		row.Figures = append(row.Figures, rig.Figure{Name: p.name, Value: bytes, Unit: rig.Bytes})
	}
	return row, nil
}

// kept returns the bytes that the heap grows by for each of many subjects, without the text of
// their keys, which share one string.
func kept(decide decider) (float64, error) {
	crowd := newCrowd(many, 1)
	crowd.prepare(many)
	before := heap()
	for i := range many {
		if err := decide(crowd, i); err != nil {
			return 0, err
		}
	}
	grown := heap() - before
	runtime.KeepAlive(crowd)
	runtime.KeepAlive(decide)
	return float64(grown) / many, nil
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
