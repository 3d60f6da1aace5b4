package soak_test

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// request is a request and what its client knows.
type request struct {
	kind         kind
	due          time.Time
	method, path string
	body         string
	address      string
	token        string
	session      issued // whose token it is, if the response depends on it
	installID    string // of the session
	want         []int
}

// answer is a response, or the lack of one.
type answer struct {
	span
	status int
	header http.Header
	body   []byte
	err    error
}

// verdict is what a response means. A violation is what no client may see. An excuse is the fault
// that explains an error that a correct client may see and knows what to do about.
type verdict struct{ violation, excuse string }

// The excuses.
const (
	excuseKilled = "502: sent to the replica that was killed, and not repeated by nginx"
	excuseKey    = "401: the session's key was revoked"
	excuseSpread = "401: the key that replaced the revoked one was not everywhere yet"
	excuseLimit  = "429: replaced its session more often than the limit allows"
	excuseStall  = "503: the machine had stood still"
	excuseEnded  = "401: the session had expired"
)

const (
	// killedFor is how long after a kill a connection to the dead process may still be used.
	killedFor = 2 * time.Second
	// stalledAfter is by how much the load is sent late when the machine stands still, and
	// stalledFor for how long that explains responses of the service, which is kept waiting too.
	stalledAfter = 200 * time.Millisecond
	stalledFor   = 5 * time.Second
)

// rules judge responses by the faults of the moment.
type rules struct {
	mu sync.Mutex
	// killed is when a replica was last killed.
	killed time.Time
	// revoked is the key that was revoked, from when, and since when every replica knows.
	revoked           string
	began, everywhere time.Time
	stalls            []span
}

// awake notes when the load woke up for a request that was due.
func (r *rules) awake(due, now time.Time) {
	if now.Sub(due) > stalledAfter {
		r.mu.Lock()
		r.stalls = append(r.stalls, span{due, now})
		r.mu.Unlock()
	}
}

func (r *rules) set(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
}

// judge returns what a response means.
func (r *rules) judge(q request, a answer) verdict {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a.err != nil {
		return verdict{violation: "no response: " + a.err.Error()}
	}
	if fault := complete(q, a); fault != "" {
		return verdict{violation: fault}
	}
	revoked := q.session.kid != "" && q.session.kid == r.revoked
	if slices.Contains(q.want, a.status) {
		if revoked && !r.everywhere.IsZero() && a.sent.After(r.everywhere) {
			return verdict{violation: "200 for a session whose key was revoked"}
		}
		if a.status == http.StatusTooManyRequests && q.kind != flood {
			return verdict{excuse: excuseLimit}
		}
		return verdict{}
	}
	code := a.header.Get("X-Error-Code")
	switch {
	// nginx repeats a request at another replica if it is safe to, or if it was not sent: a POST
	// that was on its way to the process that was killed may have had its effect.
	case a.status == http.StatusBadGateway && q.method == http.MethodPost &&
		!r.killed.IsZero() && a.done.After(r.killed) && a.sent.Before(r.killed.Add(killedFor)):
		return verdict{excuse: excuseKilled}
	case code == "invalid_token" && revoked && a.done.After(r.began):
		return verdict{excuse: excuseKey}
	case code == "invalid_token" && q.session.kid != "" && !r.began.IsZero() &&
		a.done.After(r.began) && (r.everywhere.IsZero() || a.sent.Before(r.everywhere)):
		return verdict{excuse: excuseSpread}
	case code == "expired_token" && a.done.After(q.session.expires):
		return verdict{excuse: excuseEnded}
	case a.status == http.StatusServiceUnavailable && r.stalled(a):
		return verdict{excuse: excuseStall}
	}
	return verdict{violation: fmt.Sprintf("%s %s: status %d %s", q.method, q.path, a.status, code)}
}

// stalled reports whether the machine stood still shortly before or during a request.
func (r *rules) stalled(a answer) bool {
	return slices.ContainsFunc(r.stalls, func(s span) bool {
		return s.sent.Before(a.done) && a.sent.Before(s.done.Add(stalledFor))
	})
}

// complete returns what a response lacks that every response of its status has.
func complete(q request, a answer) string {
	switch a.status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		seconds, err := strconv.Atoi(a.header.Get("Retry-After"))
		if err != nil || seconds < 1 || seconds > 2*windowSeconds {
			return fmt.Sprintf("status %d with Retry-After %q", a.status, a.header.Get("Retry-After"))
		}
	case http.StatusUnauthorized:
		if a.header.Get("WWW-Authenticate") == "" {
			return "status 401 without WWW-Authenticate"
		}
	case http.StatusOK:
		if q.kind == forwardAuth && a.header.Get("Session") != q.installID {
			return "the application got another session than the one that was sent"
		}
	}
	return ""
}
