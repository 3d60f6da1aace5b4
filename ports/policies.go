package ports

// ThrottleMode is what happens to a request over a limit.
type ThrottleMode string

// The modes.
const (
	// Enforce refuses the request.
	Enforce ThrottleMode = "enforce"
	// Observe records that the request would be refused, and serves it.
	Observe ThrottleMode = "observe"
)

// OutagePolicy is how the limiter decides while a shared storage is out.
type OutagePolicy string

// The policies.
const (
	// OutageLocal decides with a storage of this replica's own, with the same limits.
	OutageLocal OutagePolicy = "local"
	// OutageDeny issues no sessions.
	OutageDeny OutagePolicy = "deny"
	// OutageAllow issues every session.
	OutageAllow OutagePolicy = "allow"
)

// OutagePolicies returns every policy.
func OutagePolicies() []OutagePolicy { return []OutagePolicy{OutageLocal, OutageDeny, OutageAllow} }
