package throttle

// Limits holds a limit for each of Dimensions; 0 for one that is not limited.
type Limits [ByRenewalAddress + 1]int

// Off is a limit to try. It turns a dimension off, where 0 would leave it as it was recorded.
const Off = -1

// Of returns the limit of a dimension.
func (l Limits) Of(dimension Dimension) int { return l[dimension] }

// DimensionOf returns the dimension with the given name.
func DimensionOf(name string) (Dimension, bool) {
	for _, dimension := range Dimensions() {
		if dimension.String() == name {
			return dimension, true
		}
	}
	return 0, false
}
