package rig

import "slices"

// Curve is how a figure grows with something, for one contestant: ours.
type Curve struct {
	Name   string  `json:"name"`
	X      string  `json:"x"` // what the points' X counts
	Unit   Unit    `json:"unit"`
	Points []Point `json:"points"`
}

// Point is one measurement of a curve.
type Point struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

// mergedCurves returns the curves with those of newer in place of the same ones.
func mergedCurves(curves, newer []Curve) []Curve {
	curves = slices.Clone(curves)
	for _, curve := range newer {
		same := func(c Curve) bool { return c.Name == curve.Name }
		if at := slices.IndexFunc(curves, same); at >= 0 {
			curves[at] = curve
		} else {
			curves = append(curves, curve)
		}
	}
	return curves
}
