package ports

// Entropy draws random numbers. It is safe for concurrent use and returns at once.
type Entropy interface {
	// Fraction returns a number drawn uniformly from [0, 1). It must not be used for secrets.
	Fraction() float64
}
