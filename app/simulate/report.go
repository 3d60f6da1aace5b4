package simulate

import (
	"cmp"
	"time"

	"github.com/offload/sessiond/domain/throttle"
)

// Report is the outcome of a replay.
type Report struct {
	// Requests is the number of requests that were replayed.
	Requests int
	// Undecided is the number of recorded requests on which the service made no decision. They are
	// not among Requests.
	Undecided int
	// First and Last are the times of the first and of the last request, on the wall clock.
	First, Last time.Time
	// Parts is the number of parts of the recording, each of which begins without grants.
	Parts int
	// LimitsChanged is true if the limits of some part differ from those of the first.
	LimitsChanged bool
	// Seen is the number of different subjects in each dimension.
	Seen [throttle.ByRenewalAddress + 1]int
	// Results has one element for each setting, in order.
	Results []Result
}

// Result is the outcome of one setting.
type Result struct {
	// Setting is the setting, with the recorded limits of the first part in place of those that it
	// does not name.
	Setting Setting
	// Requests and Refusals are the numbers of requests, and of those that were refused, over time.
	Requests, Refusals Timeline
	// By is the number of refusals for each dimension that they name.
	By [throttle.ByRenewalAddress + 1]int
	// LongestWait is the longest time until a refused request could have been granted, without the
	// share of the window that spreads retries.
	LongestWait time.Duration
	// Kinds is the distribution of refusals over the subjects of each kind.
	Kinds [kinds]Share
}

// RefusedShare returns the share of addresses, or of installations if it is larger, that were ever
// refused.
func (r *Result) RefusedShare() float64 {
	return max(r.Kinds[Addresses].RefusedShare(), r.Kinds[Installations].RefusedShare())
}

// Suggest returns the index of the tightest setting whose RefusedShare is at most share: the one
// that refuses most requests, of equal ones the one with the lowest limits in the order of the
// dimensions, and of these the one with the longest window. found is false if every setting refuses
// more.
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

// tighter reports whether the setting of one is tighter than that of other, in the order of
// Suggest. A limit of 0 is no limit, and so the highest.
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
