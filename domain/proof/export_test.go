package proof

// Seconds is seconds, and MaxSeconds maxSeconds.
var Seconds = seconds

const MaxSeconds int64 = maxSeconds
