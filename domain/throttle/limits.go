package throttle

// Limits holds a limit for each of Dimensions, indexed by dimension; 0 if it is not limited.
type Limits [ByRenewalAddress + 1]int

// Off is a limit of a simulation. It disables a dimension, where 0 keeps the limit that the trace
// recorded.
const Off = -1

// Of returns the limit of dimension, which must be one of Dimensions.
func (l Limits) Of(dimension Dimension) int { return l[dimension] }

// DimensionOf returns the one of Dimensions with the given name; ok is false if there is none.
func DimensionOf(name string) (dimension Dimension, ok bool) {
	for _, dimension := range Dimensions() {
		if dimension.String() == name {
			return dimension, true
		}
	}
	return 0, false
}
