package sessionclient

import (
	"time"

	"github.com/offload/sessiond/domain/failure"
)

// Waits after failures.
const (
	// A refusal without a usable Retry-After is waited out for minRetry, which doubles with each
	// further one up to maxRetry.
	minRetry, maxRetry = time.Second, time.Minute
	// A renewal that failed otherwise is tried again after minRenewal, which doubles up to
	// maxRenewal.
	minRenewal, maxRenewal = 10 * time.Second, 5 * time.Minute
	// A wait that the service asked for is longer by a random part of minJitter, or of a tenth of
	// it if that is more, so that clients that were refused together do not return together.
	minJitter, jitterDivisor = time.Second, 10
	// refusalInterval is the minimum time between two sessions that are replaced because the
	// application called them invalid, or renewed because it called them expired before they were
	// due: if its keys or its clock are wrong, it says so of every session.
	refusalInterval = time.Minute
)

// rhythm says when the service may be asked again. Its instants are those of the clock.
type rhythm struct {
	// renewAt is when a session of known age is due, or when a renewal that failed may be repeated.
	renewAt time.Duration
	// notBefore is when the service may be asked for a session again, and refusal its answer that
	// said so, or nil if limits without remaining grants did.
	notBefore time.Duration
	refusal   *Error
	// refusals counts the refusals without a usable Retry-After, and failures the other failures,
	// since the last success.
	refusals, failures int
	invalid, early     seldom
}

// seldom allows something once in refusalInterval.
type seldom struct {
	last time.Duration
	used bool
}

// allows reports whether it is allowed now, and notes it.
func (s *seldom) allows(now time.Duration) bool {
	if s.used && now-s.last < refusalInterval {
		return false
	}
	s.last, s.used = now, true
	return true
}

// issued notes a success: the session is due at renewAt, and the service may be asked again at
// notBefore.
func (r *rhythm) issued(renewAt, notBefore time.Duration) {
	r.renewAt, r.notBefore = renewAt, notBefore
	r.refusal, r.refusals, r.failures = nil, 0, 0
}

// refuse notes a refusal. wait is how long the service asks to wait, or 0 if it did not say so.
func (r *rhythm) refuse(now, wait time.Duration, refusal *Error, jitter float64) {
	if wait == 0 {
		wait = doubled(minRetry, r.refusals, maxRetry)
		r.refusals++
	}
	spread := max(minJitter, wait/jitterDivisor)
	r.notBefore = now + wait + time.Duration(jitter*float64(spread))
	r.refusal = refusal
}

// fail notes any other failure.
func (r *rhythm) fail(now time.Duration) {
	r.renewAt = now + doubled(minRenewal, r.failures, maxRenewal)
	r.failures++
}

// doubled returns first, doubled a number of times, but at most most.
func doubled(first time.Duration, times int, most time.Duration) time.Duration {
	for range times {
		if first *= 2; first >= most {
			return most
		}
	}
	return first
}

// refused returns the error of a call that may not wait until notBefore. If it has waited for the
// flight that was refused, the error is that of the flight. Otherwise its RetryAfter is what
// remains.
func (r *rhythm) refused(now time.Duration, last *flight) *Error {
	if last != nil && last.refusal != nil && last.refusal == r.refusal {
		return r.refusal
	}
	refusal := Error{Code: failure.RateLimited.Code()}
	if r.refusal != nil {
		refusal = *r.refusal
	}
	refusal.RetryAfter = (r.notBefore - now + time.Second - 1).Truncate(time.Second)
	return &refusal
}
