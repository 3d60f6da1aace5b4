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

// How often the keys are read, and how long to wait for them.
const (
	// After a good answer the keys are read again when its max-age ends, within minRefresh and
	// maxRefresh, or after defaultRefresh if it has no max-age.
	minRefresh, defaultRefresh, maxRefresh = time.Minute, 5 * time.Minute, 10 * time.Minute
	// After a failure the keys are read again after minRetry. The wait doubles with each further
	// failure, up to maxRetry.
	minRetry, maxRetry = time.Second, time.Minute
	// readTimeout bounds one read, from dialing to the last byte.
	readTimeout = 5 * time.Second
	// maxRequestWait is how long a request waits for a read that may bring its key.
	maxRequestWait = time.Second
	// unknownKeyInterval is the minimum time between two reads that unknown keys cause.
	unknownKeyInterval = 10 * time.Second
	// jitterDivisor sets the jitter: each wait is shorter by up to this fraction of it, so that
	// services that started together do not read together.
	jitterDivisor = 10
)

// JWKSConfig configures a JWKS.
type JWKSConfig struct {
	// URL is the address of the issuer's JWK Set: https://…/.well-known/jwks.json. A server that
	// can answer in its place can make sessions, so it must be https, or http to the local machine
	// (localhost, 127.0.0.0/8, ::1). It must not contain a user or a password. Redirects are not
	// followed.
	URL string
	// AllowHTTP permits http to other machines. Set it only in a network that protects its traffic,
	// such as a service mesh.
	AllowHTTP bool
	// Additional keys, which Secret returns, are in force no matter what is published. Use them
	// after a change to EdDSA, until the sessions signed with a secret have expired. A published
	// key with the ID of an additional key is ignored.
	Additional []keys.Key
	// Client fetches the keys. If it is nil, a client is used that keeps no connection open, and
	// that uses the environment's proxy for https but none for http, where a proxy could insert its
	// own keys. The redirect policy of Client is not used.
	Client *http.Client
	// OnRefresh is called after each read, with nil or a *RefreshError. It must not block, and must
	// not close the JWKS. It may be nil.
	OnRefresh func(error)
}

// JWKS holds the issuer's published keys, and reads them periodically in the background from Start
// to Close. It is safe for concurrent use.
type JWKS struct {
	config JWKSConfig
	client *http.Client
	// timeout bounds one read: readTimeout, except in tests.
	timeout time.Duration
	current atomic.Pointer[snapshot]
	etag    string // the set's ETag; used by the background goroutine only

	mu    sync.Mutex
	state state
	// reading is closed when the read that is in progress or was requested ends. It is nil if there
	// is none.
	reading chan struct{}
	// requested is when an unknown key last caused a read.
	requested time.Time
	// wake wakes the background goroutine. It holds a value only while reading is not nil.
	wake chan struct{}

	stop    context.CancelFunc
	running sync.WaitGroup
}

// snapshot is a keyring, and whether it has the issuer's keys.
type snapshot struct {
	keyring  *keys.Keyring
	complete bool
}

type state uint8

const (
	created state = iota
	started
	closed
)

// The errors of NewJWKS and Start. They do not contain the URL.
var (
	// ErrURL reports a URL that is not absolute, or has a user, a password or a fragment.
	ErrURL = errors.New("sessionauth: the JWKS URL must be http or https with a host, " +
		"and without user, password or fragment")
	// ErrHTTP reports an http URL to another machine without AllowHTTP.
	ErrHTTP = errors.New("sessionauth: the JWKS URL must be https (or set AllowHTTP)")
	// ErrStarted reports a JWKS that was already started or closed.
	ErrStarted = errors.New("sessionauth: the JWKS was already started or closed")
)

// NewJWKS returns a JWKS that reads nothing before Start. The error is ErrURL, ErrHTTP, or
// keys.Faults if the additional keys conflict.
func NewJWKS(config JWKSConfig) (*JWKS, error) {
	if err := checkURL(config.URL, config.AllowHTTP); err != nil {
		return nil, err
	}
	first, err := newKeyring(config.Additional)
	if err != nil {
		return nil, err
	}
	j := &JWKS{config: config, client: newClient(config.Client),
		timeout: readTimeout, wake: make(chan struct{}, 1)}
	j.current.Store(&snapshot{keyring: first})
	return j, nil
}

func checkURL(text string, allowHTTP bool) error {
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

// Start reads the keys once and waits for the result, for five seconds at most and not beyond ctx.
// From then on the keys are read periodically in the background until Close, even if Start returns
// an error: the service may continue, and answers 503 to tokens that it cannot verify until the
// keys have been read. The error is a *RefreshError, the error of ctx, or ErrStarted.
func (j *JWKS) Start(ctx context.Context) error {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	j.mu.Lock()
	if j.state != created {
		j.mu.Unlock()
		stop()
		return ErrStarted
	}
	j.state, j.stop = started, stop
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

// Close stops the reads and waits until the background goroutine has ended. The keys stay in force.
// It may be called more than once.
func (j *JWKS) Close() {
	j.mu.Lock()
	j.state = closed
	if j.stop != nil {
		j.stop()
	}
	j.mu.Unlock()
	j.running.Wait()
}

// run reads the keys until ctx ends. Only run reads, so there are never two reads at a time.
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
		default: // Start has its result
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
		if !j.pause(ctx, wait-rand.N(wait/jitterDivisor)) {
			return
		}
	}
}

// backoff returns how long to wait after that many failures in a row.
func backoff(failures int) time.Duration {
	wait := minRetry
	for ; failures > 1 && wait < maxRetry; failures-- {
		wait *= 2
	}
	return min(wait, maxRetry)
}

// pause waits for d, or until an unknown key requests a read. It returns false if ctx ended.
func (j *JWKS) pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
	case <-j.wake:
	}
	return true
}

// begin marks the start of a read. The read serves the request for one, if there is one.
func (j *JWKS) begin() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.reading == nil {
		j.reading = make(chan struct{})
	}
	select {
	case <-j.wake:
	default:
	}
}

// end marks the end of a read, and releases the requests that wait for it.
func (j *JWKS) end() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.reading != nil {
		close(j.reading)
		j.reading = nil
	}
}

// request returns a channel that is closed at the end of a read that may bring an unknown key: the
// one in progress, or a new one. It returns nil if no new read is due.
func (j *JWKS) request() <-chan struct{} {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.state != started {
		return nil
	}
	if j.reading == nil {
		if !j.requested.IsZero() && time.Since(j.requested) < unknownKeyInterval {
			return nil
		}
		j.requested = time.Now()
		j.reading = make(chan struct{})
		j.wake <- struct{}{}
	}
	return j.reading
}

func (j *JWKS) keyring() *keys.Keyring { return j.current.Load().keyring }

// refreshed requests a read of the keys if one is due, and waits for it.
func (j *JWKS) refreshed(ctx context.Context, current *keys.Keyring) (*keys.Keyring, bool) {
	if now := j.current.Load(); now.keyring != current {
		return now.keyring, now.complete // new keys came in the meantime
	}
	if reading := j.request(); reading != nil {
		timer := time.NewTimer(maxRequestWait)
		defer timer.Stop()
		select {
		case <-reading:
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	now := j.current.Load()
	return now.keyring, now.complete
}
