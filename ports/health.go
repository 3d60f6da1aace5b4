package ports

// Health reports the condition of one part of the service that can fail.
type Health interface {
	// Condition returns the part's current condition. It returns at once and is safe for concurrent
	// use.
	Condition() Condition
}

// Condition is the state of one part.
type Condition struct {
	// Name identifies the part: fixed, lower case.
	Name string
	// Ready is true if the service can work with the part in this state.
	Ready bool
	// Detail is one fixed sentence for the operator; it holds no value. It is empty if all is well.
	Detail string
}

// Readiness reports whether this replica can serve, for load balancers and operators.
type Readiness interface {
	// Conditions returns the condition of every part, always in the same order. The replica is
	// ready if all parts are. It returns at once and is safe for concurrent use.
	Conditions() []Condition
}
