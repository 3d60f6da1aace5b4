package rig

// Unit is what the value of a row counts.
type Unit string

// The units. A value in one of the last four depends on the machine as much as on the code, so
// that it is never compared with an earlier one.
const (
	Times       Unit = "×" // a ratio
	Allocations Unit = "allocations"
	Bytes       Unit = "bytes"

	Nanoseconds  Unit = "ns"
	Milliseconds Unit = "ms"
	Mebibytes    Unit = "MiB"
	PerSecond    Unit = "/s"
)

// compared reports whether values of the unit can be compared with those of another run.
func (u Unit) compared() bool { return u == Times || u == Allocations || u == Bytes }

// Row is one figure with its goals. What and Beside identify it.
type Row struct {
	// What is what was measured, and Beside what it is compared with.
	What   string  `json:"what"`
	Beside string  `json:"beside"`
	Value  float64 `json:"value"`
	Unit   Unit    `json:"unit"`
	// AtLeast is true if the goals are lower bounds, such as "6 times as fast".
	AtLeast bool `json:"at_least,omitempty"`
	// Reach and Stretch are 0 for a figure without goals.
	Reach   float64 `json:"reach"`
	Stretch float64 `json:"stretch"`
	// Figures are those of the contestants, for the record.
	Figures []Figure `json:"figures,omitempty"`
}

// Figure is what was measured of one contestant.
type Figure struct {
	Name   string  `json:"name"`
	Value  float64 `json:"value"`
	Unit   Unit    `json:"unit"`
	Allocs float64 `json:"allocs"`
}

// Group is rows or curves that are measured together.
type Group struct {
	Name    string
	Measure func(Plan) ([]Row, error)
	Curves  func(Plan) ([]Curve, error)
}

// meets reports whether the row meets a goal.
func (r Row) meets(goal float64) bool {
	if r.AtLeast {
		return r.Value >= goal
	}
	return r.Value <= goal
}

// worse returns by which factor the row is worse than before.
func (r Row) worse(before Row) float64 {
	switch {
	case r.Value == before.Value:
		return 1
	case r.AtLeast:
		return before.Value / r.Value
	default:
		return r.Value / before.Value
	}
}

func (r Row) is(other Row) bool { return r.What == other.What && r.Beside == other.Beside }
