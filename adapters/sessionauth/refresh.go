package sessionauth

import (
	"context"
	"time"

	"github.com/offload/sessiond/domain/keys"
)

// reads is the state of the reads, which JWKS.mu guards. A moment is zero if there was none.
type reads struct {
	// ended is closed when the read that is in progress or was requested ends. It is nil if there
	// is none.
	ended chan struct{}
	// began is when that read began, or was requested.
	began moment
	// abort ends the read that is in progress. It is nil if there is none.
	abort context.CancelFunc
	// requested is when a request last caused a read.
	requested moment
	// failed is when a read last failed, or was too late for a request.
	failed moment
}

// begin marks the start of a read, and returns its context and the moment. It also fulfills the
// request for a read, if there is one.
func (j *JWKS) begin(ctx context.Context) (context.Context, moment) {
	j.mu.Lock()
	defer j.mu.Unlock()
	ctx, j.reads.abort = context.WithTimeout(ctx, j.timeout)
	j.reads.began = j.now()
	if j.reads.ended == nil {
		j.reads.ended = make(chan struct{})
	}
	select {
	case <-j.wake:
	default:
	}
	return ctx, j.reads.began
}

// end marks the end of a read, and releases the requests that wait for it.
func (j *JWKS) end(began moment, err error) {
	j.mu.Lock()
	j.reads.abort()
	j.reads.abort = nil
	if err != nil {
		j.reads.failed = failureTime(began, j.now(), j.timeout)
	}
	j.mu.Unlock()
	j.release()
}

// release releases the requests that wait for a read.
func (j *JWKS) release() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.reads.ended != nil {
		close(j.reads.ended)
		j.reads.ended = nil
	}
}

// failureTime returns the moment at which a failure counts: its end, or its beginning if it took so
// much longer than its timeout that the process must have been frozen. Such a failure says nothing
// about the issuer, and counting from its end would let a process that is frozen again and again
// take the issuer for unavailable.
func failureTime(began, ended moment, timeout time.Duration) moment {
	if ended.since(began) > 2*timeout {
		return began
	}
	return ended
}

// request returns a channel that is closed at the end of a read that a request needs, because its
// key is unknown or the keys are stale: the read in progress, or a new one. It returns nil if no
// read is due, or one failed recently and there are keys: any sender can name an unknown key, and
// must not be able to have each request wait while the issuer is out.
func (j *JWKS) request() <-chan struct{} {
	j.mu.Lock()
	defer j.mu.Unlock()
	now := j.now()
	switch {
	case j.state != started:
		return nil
	case j.current.Load().complete && now.since(j.reads.failed) < requestInterval:
		return nil
	case j.reads.ended != nil:
		// The timer of a read may have stood still with the machine.
		if j.reads.abort != nil && now.since(j.reads.began) > 2*j.timeout {
			j.reads.abort()
		}
		return j.reads.ended
	case now.since(j.reads.requested) < requestInterval:
		return nil
	}
	j.reads.requested, j.reads.began = now, now
	j.reads.ended = make(chan struct{})
	j.wake <- struct{}{}
	return j.reads.ended
}

// refreshed requests a read of the keys if one is due, and waits for it. If the keys are stale and
// the read that was in progress fails, it requests another one: that read may have begun before the
// process was frozen.
func (j *JWKS) refreshed(ctx context.Context, current *keys.Keyring) (*keys.Keyring, bool) {
	began := j.now()
	timer := time.NewTimer(j.requestWait)
	defer timer.Stop()
	for range 2 {
		held := j.current.Load()
		stale := held.staleAt(j.now())
		if held.keyring != current && !stale {
			break // new keys came in the meantime
		}
		ended := j.request()
		if ended == nil || !j.wait(ctx, ended, timer.C, began) || !stale {
			break
		}
	}
	held := j.current.Load()
	return held.keyring, held.complete
}

// wait waits for the end of a read and returns true. It returns false if late or ctx comes first.
// began is when the request began to wait.
func (j *JWKS) wait(
	ctx context.Context, ended <-chan struct{}, late <-chan time.Time, began moment,
) bool {
	select {
	case <-ended:
		return true
	case <-late:
		j.mu.Lock()
		defer j.mu.Unlock()
		j.reads.failed = failureTime(began, j.now(), j.requestWait)
	case <-ctx.Done():
	}
	return false
}
