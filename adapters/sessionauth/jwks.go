package sessionauth

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/offload/sessiond/domain/keys"
)

// How often the issuer is asked, and how long is waited for it.
const (
	// After a good answer the issuer is asked again when its max-age ends, within these two; usualRefresh where it tells none.
	leastRefresh, usualRefresh, mostRefresh = time.Minute, 5 * time.Minute, 10 * time.Minute
	// After a failure it is asked again after leastRetry, and twice as long after each further one, up to mostRetry.
	leastRetry, mostRetry = time.Second, time.Minute
	// readWithin is the deadline of one reading, from dialling to the last byte.
	readWithin = 5 * time.Second
	// patience is how long a request waits for a reading that may bring its key.
	patience = time.Second
	// unknownPause is the least time between two readings that unknown keys cause.
	unknownPause = 10 * time.Second
	// spread is the part of each wait, as a divisor, by which it may be shorter: services that started together do not ask together.
	spread = 10
)

// JWKSConfig tells where the issuer's keys are.
type JWKSConfig struct {
	// URL is the issuer's JWK Set: https://…/.well-known/jwks.json. Whoever can answer in its place can make sessions, so it must be https, or
	// http to this very machine (localhost, 127.0.0.0/8, ::1). It has no user or password in it. Redirects are not followed.
	URL string
	// AllowHTTP admits http to other machines, for networks that protect what they carry, as a service mesh does; false for no.
	AllowHTTP bool
	// Beside are keys that are in force whatever is published, as Secret makes them: while sessions signed by a secret run out, after a change to
	// EdDSA. What is published under the id of one of them is passed over.
	Additional []keys.Key
	// Client asks the issuer; nil for one that keeps no connection open, and uses the environment's proxy for https but none for http: on http a proxy could
	// put in keys of its own. Its redirect policy is not used.
	Client *http.Client
	// OnRefresh is told of each reading as it ends: nil, or a *RefreshError. It must not wait, nor close the JWKS. Nil for nobody.
	OnRefresh func(error)
}

// JWKS is the issuer's published keys, read anew in the background from Start to Close. It is safe for concurrent use.
type JWKS struct {
	config JWKSConfig
	client *http.Client
	now    atomic.Pointer[inForce]
	tag    string // the set's ETag; only the background's

	mu sync.Mutex
	// life is how far the background has come.
	life life
	// reading is closed when the reading ends that is under way, or was asked for; nil where there is none.
	reading chan struct{}
	// asked is when an unknown key last caused a reading.
	asked time.Time
	// wanted wakes the background. It holds one only while reading is not nil.
	wanted chan struct{}

	stop    context.CancelFunc
	running sync.WaitGroup
}

// inForce is a ring, and whether it has the issuer's keys.
type inForce struct {
	ring  *keys.Keyring
	whole bool
}

type life uint8

const (
	made life = iota
	started
	closed
)

// What NewJWKS and Start fail with. None tells the URL.
var (
	// ErrURL is a URL that is none, or holds a user, a password or a fragment.
	ErrURL = errors.New(
		"sessionauth: the JWKS's URL must be absolute, with a host and without user, password or fragment")
	// ErrHTTP is a URL of http to another machine, without AllowHTTP.
	ErrHTTP = errors.New("sessionauth: the JWKS's URL must be https")
	// ErrStarted is a JWKS that was started or closed before.
	ErrStarted = errors.New("sessionauth: the JWKS was started or closed before")
)

// NewJWKS makes a JWKS that asks nobody yet. It fails with ErrURL, ErrHTTP, or keys.Faults where the keys Beside clash.
func NewJWKS(config JWKSConfig) (*JWKS, error) {
	if err := judgeURL(config.URL, config.AllowHTTP); err != nil {
		return nil, err
	}
	first, err := ringOf(config.Additional)
	if err != nil {
		return nil, err
	}
	j := &JWKS{config: config, client: clientOf(config.Client), wanted: make(chan struct{}, 1)}
	j.now.Store(&inForce{ring: first})
	return j, nil
}

func judgeURL(text string, allowHTTP bool) error {
	parsed, err := url.Parse(text)
	if err != nil || parsed.Hostname() == "" || parsed.User != nil || parsed.Fragment != "" {
		return ErrURL
	}
	switch parsed.Scheme {
	case "https":
		return nil
	case "http":
		address, _ := netip.ParseAddr(parsed.Hostname())
		if allowHTTP || parsed.Hostname() == "localhost" || address.IsLoopback() {
			return nil
		}
		return ErrHTTP
	}
	return ErrURL
}

// Start asks the issuer once and waits for the answer, for five seconds at the longest and not beyond ctx. From then on the keys are read anew in
// the background until Close, also where Start failed: a service may go on, and refuses with 503 what it cannot judge until the keys have come.
// It fails with a *RefreshError, the error of ctx, or ErrStarted.
func (j *JWKS) Start(ctx context.Context) error {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	j.mu.Lock()
	if j.life != made {
		j.mu.Unlock()
		stop()
		return ErrStarted
	}
	j.life, j.stop = started, stop
	first := make(chan error, 1)
	j.running.Go(func() { j.run(background, first) })
	j.mu.Unlock()
	select {
	case err := <-first:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close ends the reading and waits until nothing runs any more. The keys stay as they are. It may be called more than once.
func (j *JWKS) Close() {
	j.mu.Lock()
	j.life = closed
	if j.stop != nil {
		j.stop()
	}
	j.mu.Unlock()
	j.running.Wait()
}

// run reads until ctx ends. It alone reads, so there are never two readings at a time.
func (j *JWKS) run(ctx context.Context, first chan<- error) {
	defer j.end()
	for failures := 0; ; {
		j.begin()
		fresh, err := j.read(ctx)
		j.end()
		if ctx.Err() != nil {
			err = ctx.Err()
		} else if j.config.OnRefresh != nil {
			j.config.OnRefresh(err)
		}
		select {
		case first <- err:
		default: // told
		}
		if ctx.Err() != nil {
			return
		}
		wait := fresh
		if failures++; err == nil {
			failures = 0
		} else {
			wait = backoff(failures)
		}
		if !j.pause(ctx, wait-rand.N(wait/spread)) {
			return
		}
	}
}

// backoff is how long to wait after that many failures.
func backoff(failures int) time.Duration {
	wait := leastRetry
	for ; failures > 1 && wait < mostRetry; failures-- {
		wait *= 2
	}
	return min(wait, mostRetry)
}

// pause waits for d, or until an unknown key is in want of a reading. It is false where ctx ended.
func (j *JWKS) pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
	case <-j.wanted:
	}
	return true
}

// begin makes the reading that starts now the one that was asked for, where one was.
func (j *JWKS) begin() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.reading == nil {
		j.reading = make(chan struct{})
	}
	select {
	case <-j.wanted:
	default:
	}
}

// end lets those go who wait for the reading.
func (j *JWKS) end() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.reading != nil {
		close(j.reading)
		j.reading = nil
	}
}

// want is closed when a reading ends that may bring an unknown key: the one under way, or a new one. It is nil where none is due.
func (j *JWKS) want() <-chan struct{} {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.life != started {
		return nil
	}
	if j.reading == nil {
		if !j.asked.IsZero() && time.Since(j.asked) < unknownPause {
			return nil
		}
		j.asked = time.Now()
		j.reading = make(chan struct{})
		j.wanted <- struct{}{}
	}
	return j.reading
}

func (j *JWKS) ring() *keys.Keyring { return j.now.Load().ring }

// after has the keys read anew, where that is due, and waits for it.
func (j *JWKS) after(ctx context.Context, ring *keys.Keyring) (*keys.Keyring, bool) {
	if now := j.now.Load(); now.ring != ring {
		return now.ring, now.whole // they came meanwhile
	}
	if reading := j.want(); reading != nil {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		select {
		case <-reading:
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	now := j.now.Load()
	return now.ring, now.whole
}
