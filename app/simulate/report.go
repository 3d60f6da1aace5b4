package simulate

import (
	"cmp"
	"time"

	"github.com/offload/sessiond/domain/throttle"
)

// Report is the outcome of a replay.
type Report struct {
	// Requests is how many were replayed. Undecided is how many more there were on which the
	// service made no decision; they are left out.
	Requests, Undecided int
	// First and Last are when the first and the last were made, on the wall clock.
	First, Last time.Time
	// Parts is how many parts the recording has, each of which begins without grants.
	// LimitsChanged is true if the limits of any differ from those of the first.
	Parts         int
	LimitsChanged bool
	// Seen is the number of different subjects in each dimension.
	Seen [throttle.ByRenewalAddress + 1]int
	// Results has one element for each setting, in order.
	Results []Result
}

// Result is the outcome of one setting.
type Result struct {
	// Setting has the recorded limits of the first part where none were named.
	Setting Setting
	// Requests and Refusals count requests and those that were refused, over time.
	Requests, Refusals Timeline
	// By is the number of refusals by the dimension that they name.
	By [throttle.ByRenewalAddress + 1]int
	// LongestWait is the longest time until a refused request could have been granted, without the
	// share of the window that spreads retries.
	LongestWait time.Duration
	// Kinds says how refusals fall on subjects.
	Kinds [kinds]Share
}

// RefusedShare returns the larger of the shares of addresses and of installations that were ever
// refused.
func (r *Result) RefusedShare() float64 {
	return max(r.Kinds[Addresses].RefusedShare(), r.Kinds[Installations].RefusedShare())
}

// Suggest returns the index of the tightest setting that refuses at most a share of the addresses
// and of the installations: of those, the one that refuses most requests, and among equals the one
// with the lowest limits in the order of the dimensions, and then the longest window.
func (r *Report) Suggest(share float64) (index int, found bool) {
	for i := range r.Results {
		if r.Results[i].RefusedShare() > share {
			continue
		}
		if !found || tighter(&r.Results[i], &r.Results[index]) {
			index, found = i, true
		}
	}
	return index, found
}

// tighter reports whether a setting is tighter than another.
func tighter(one, other *Result) bool {
	if order := cmp.Compare(one.Refusals.Total, other.Refusals.Total); order != 0 {
		return order > 0
	}
	for dimension, limit := range one.Setting.Limits {
		if than := other.Setting.Limits[dimension]; limit != than {
			return limit > 0 && (than == 0 || limit < than)
		}
	}
	return one.Setting.Window > other.Setting.Window
}
