package garbage

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

const mebibyte = 1 << 20

func TestPercentageAllowsSpareMemoryWithinBounds(t *testing.T) {
	for used, want := range map[uint64]int{
		0: 400, 4 * mebibyte: 400, 8 * mebibyte: 400, 16 * mebibyte: 200, 32 * mebibyte: 100,
		64 * mebibyte: 50, 100 * mebibyte: 32,
		128 * mebibyte: 25, 1 << 40: 25,
	} {
		assert.Equal(t, want, percentage(used), "%d bytes", used)
	}
}

func TestRegulatorLeavesOutSmallChanges(t *testing.T) {
	var set []int
	r := newRegulator(func(percent int) int {
		set = append(set, percent)
		return 0
	})
	for _, used := range []uint64{
		6 * mebibyte, 32 * mebibyte, 33 * mebibyte, 64 * mebibyte, 66 * mebibyte, 63 * mebibyte,
		200 * mebibyte, 300 * mebibyte, 6 * mebibyte, 7 * mebibyte,
	} {
		r.adjustTo(used)
	}
	assert.Equal(t, []int{100, 50, 25, 400}, set)
}

func TestActsAfterEachCollection(t *testing.T) {
	called := make(chan struct{}, 100)
	afterEachCollection(func() { called <- struct{}{} })
	for range 3 {
		assert.Eventually(t, func() bool {
			runtime.GC()
			select {
			case <-called:
				return true
			default:
				return false
			}
		}, time.Minute, time.Millisecond, "no call after a collection")
	}
}

func TestBoundsGarbageUnlessGOGCIsSet(t *testing.T) {
	before := debug.SetGCPercent(70)
	defer debug.SetGCPercent(before)

	Bound()
	assert.Equal(t, 70, debug.SetGCPercent(usual), "chosen with GOGC")

	Bound()
	used := make([]byte, 100*mebibyte)
	assert.Eventually(t, func() bool {
		runtime.GC()
		percent := debug.SetGCPercent(usual) // it cannot be read without being set
		debug.SetGCPercent(percent)
		return percent >= least && percent < usual/2
	}, time.Minute, 10*time.Millisecond, "the garbage of a large heap is not bounded")
	runtime.KeepAlive(used)
}
