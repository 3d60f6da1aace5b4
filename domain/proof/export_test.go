package proof

// Seconds exports seconds to tests.
var Seconds = seconds

// MaxSeconds exports maxSeconds to tests.
const MaxSeconds int64 = maxSeconds
