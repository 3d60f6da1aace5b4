package simulate

import "time"

// intervals is the number of intervals of a timeline.
const intervals = 120

// Timeline counts events in at most 120 intervals of equal length. The length doubles when more
// intervals would be needed.
type Timeline struct {
	// Total is the number of events.
	Total int
	// Start is the beginning of the first interval, and Width the length of each.
	Start  time.Time
	Width  time.Duration
	counts [intervals]int
	last   int
}

// Counts returns the number of events in each interval up to the last with any.
func (t *Timeline) Counts() []int {
	if t.Total == 0 {
		return nil
	}
	return t.counts[:t.last+1]
}

// add counts an event. One before the first counts in the first interval.
func (t *Timeline) add(at time.Time) {
	if t.Total == 0 {
		t.Start, t.Width = at.Truncate(time.Second), time.Second
	}
	t.Total++
	for at.Sub(t.Start)/t.Width >= intervals {
		for i := range t.counts {
			if i < intervals/2 {
				t.counts[i] = t.counts[2*i] + t.counts[2*i+1]
			} else {
				t.counts[i] = 0
			}
		}
		t.Width *= 2
		t.last /= 2
	}
	i := int(max(0, at.Sub(t.Start)) / t.Width)
	t.counts[i]++
	t.last = max(t.last, i)
}
