package rig

import (
	"flag"
	"fmt"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// Contestant is an implementation that is compared with others. Run is an ordinary benchmark of it.
type Contestant struct {
	Name string
	Run  func(b *testing.B)
}

// Plan states how long a contest takes.
type Plan struct {
	// Rounds is how often each contestant has its turn.
	Rounds int
	// Turn is about how long a turn takes.
	Turn time.Duration
	// CPU is true if the time of a turn is what the process computed, on all processors, so that a
	// busy machine adds little. It is for contestants that only compute, and prepare next to
	// nothing in Run.
	CPU bool
}

// Series holds the turns of one contestant, one for each round.
type Series struct {
	Name  string
	Turns []testing.BenchmarkResult
}

// Run measures the contestants in turn, round by round. A contestant does the same number of
// iterations in each round, which a turn before the first one finds. It fails if a contestant
// fails.
func Run(plan Plan, contestants ...Contestant) ([]Series, error) {
	testing.Init()
	all := make([]Series, len(contestants))
	iterations := make([]int, len(contestants))
	for i, contestant := range contestants {
		all[i].Name = contestant.Name
		result, err := contestant.turn(plan.Turn.String(), false)
		if err != nil {
			return nil, err
		}
		perOp := max(float64(result.T)/float64(result.N), 1)
		iterations[i] = max(int(float64(plan.Turn)/perOp), 1)
	}
	for range plan.Rounds {
		for i, contestant := range contestants {
			result, err := contestant.turn(strconv.Itoa(iterations[i])+"x", plan.CPU)
			if err != nil {
				return nil, err
			}
			all[i].Turns = append(all[i].Turns, result)
		}
	}
	return all, nil
}

// turn runs the contestant once, for a time or a number of iterations, as -test.benchtime has it.
func (c Contestant) turn(length string, cpu bool) (testing.BenchmarkResult, error) {
	if err := flag.Set("test.benchtime", length); err != nil {
		return testing.BenchmarkResult{}, err
	}
	var computed time.Duration
	failed := false
	result := testing.Benchmark(func(b *testing.B) {
		before := computedSoFar()
		c.Run(b)
		computed = computedSoFar() - before // the last run is the one that counts
		failed = failed || b.Failed()
	})
	if failed || result.N == 0 {
		return result, fmt.Errorf("%s failed", c.Name)
	}
	if cpu {
		result.T = computed
	}
	return result, nil
}

// computedSoFar returns the processor time that the process has taken.
func computedSoFar() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// Nanoseconds returns the median time of one iteration.
func (s Series) Nanoseconds() float64 { return s.median(nanoseconds) }

// Allocs returns the median number of allocations of one iteration.
func (s Series) Allocs() float64 {
	return s.median(func(turn testing.BenchmarkResult) float64 {
		return float64(turn.AllocsPerOp())
	})
}

// Extra returns the median of a metric that the contestant reported itself.
func (s Series) Extra(unit string) float64 {
	return s.median(func(turn testing.BenchmarkResult) float64 { return turn.Extra[unit] })
}

// Over returns how many times as long as other s took: the median over the rounds.
func (s Series) Over(other Series) float64 {
	ratios := make([]float64, len(s.Turns))
	for round, turn := range s.Turns {
		ratios[round] = nanoseconds(turn) / nanoseconds(other.Turns[round])
	}
	return Median(ratios)
}

// ExtraOver returns how many times as large as other's a metric of s is: the median over the
// rounds.
func (s Series) ExtraOver(other Series, unit string) float64 {
	ratios := make([]float64, len(s.Turns))
	for round, turn := range s.Turns {
		ratios[round] = turn.Extra[unit] / other.Turns[round].Extra[unit]
	}
	return Median(ratios)
}

// Figure returns the contestant's own figures, for the record.
func (s Series) Figure() Figure {
	return Figure{Name: s.Name, Value: s.Nanoseconds(), Unit: Nanoseconds, Allocs: s.Allocs()}
}

func (s Series) median(of func(testing.BenchmarkResult) float64) float64 {
	values := make([]float64, len(s.Turns))
	for round, turn := range s.Turns {
		values[round] = of(turn)
	}
	return Median(values)
}

func nanoseconds(turn testing.BenchmarkResult) float64 { return float64(turn.T) / float64(turn.N) }

// Figures returns the figures of all contestants.
func Figures(all ...Series) []Figure {
	figures := make([]Figure, len(all))
	for i, one := range all {
		figures[i] = one.Figure()
	}
	return figures
}

// Fastest returns the contestant with the smallest median time.
func Fastest(all ...Series) Series {
	return slices.MinFunc(all, func(a, b Series) int {
		if a.Nanoseconds() < b.Nanoseconds() {
			return -1
		}
		return 1
	})
}

// Median returns the middle of the values, or the lower one of two.
func Median(values []float64) float64 {
	return slices.Sorted(slices.Values(values))[(len(values)-1)/2]
}
