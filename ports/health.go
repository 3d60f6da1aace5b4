package ports

// Health tells the condition of one part that may be out.
type Health interface {
	// Condition is how the part is now. It returns at once and is safe for concurrent use.
	Condition() Condition
}

// Condition is how one part is.
type Condition struct {
	// Name is the part's word: fixed, lower case.
	Name string
	// Ready is whether the service can do its work with the part like this.
	Ready bool
	// Detail is one fixed sentence for the operator; it holds no value. Empty where all is well.
	Detail string
}

// Readiness tells whether this replica can do its work, for balancers and operators.
type Readiness interface {
	// Conditions lists every part, always in the same order. The replica is ready when all are. It returns at once and is safe
	// for concurrent use.
	Conditions() []Condition
}
