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
	// A good answer is fresh for its max-age, within minRefresh and maxRefresh, or for
	// defaultRefresh if it has no max-age. The keys are read again shortly before that ends.
	minRefresh, defaultRefresh, maxRefresh = time.Minute, 5 * time.Minute, 10 * time.Minute
	// After a failure the keys are read again after minRetry. The wait doubles with each further
	// failure, up to maxRetry.
	minRetry, maxRetry = time.Second, time.Minute
	// readTimeout bounds one read, from dialing to the last byte.
	readTimeout = 5 * time.Second
	// maxRequestWait is how long a request waits for a read that it needs.
	maxRequestWait = time.Second
	// requestInterval is the minimum time between two reads that requests cause, and how long after
	// a failure no request waits, unless there are no keys yet.
	requestInterval = 10 * time.Second
	// earlyDivisor: each read in the background is early by this fraction of the time that the
	// keys are fresh, so that requests need not wait for it, and by up to as much again, so that
	// services that started together do not read together.
	earlyDivisor = 20
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
	// after a change to public keys, until the sessions signed with a secret have expired. A
	// published key with the ID of an additional key is ignored.
	Additional []keys.Key
	// Client fetches the keys. If it is nil, a client is used that keeps no connection open, and
	// that uses the environment's proxy for https but none for http, where a proxy could insert its
	// own keys. The redirect policy of Client is not used.
	Client *http.Client
	// OnRefresh is called after each read, with nil or a *RefreshError. It must not block, and must
	// not close the JWKS. It may be nil.
	OnRefresh func(error)
}

// JWKS holds the issuer's published keys. From Start to Close it reads them periodically in the
// background, and when a request needs it. It is safe for concurrent use.
type JWKS struct {
	config JWKSConfig
	client *http.Client
	// timeout bounds one read, and requestWait the wait of a request for it: readTimeout and
	// maxRequestWait, except in tests. So is now the time.
	timeout, requestWait time.Duration
	now                  func() moment
	current              atomic.Pointer[snapshot]
	etag                 string // the set's ETag; used by the background goroutine only

	mu    sync.Mutex
	state state
	reads reads
	// wake wakes the background goroutine. It holds a value only while a read is requested.
	wake chan struct{}

	stop    context.CancelFunc
	running sync.WaitGroup
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
		timeout: readTimeout, requestWait: maxRequestWait, now: now,
		wake: make(chan struct{}, 1)}
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
	defer j.release()
	for failures := 0; ; {
		reading, began := j.begin(ctx)
		fresh, err := j.read(reading, began)
		j.end(began, err)
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
		early := wait / earlyDivisor
		if !j.pause(ctx, wait-early-rand.N(early)) {
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

// pause waits for d, or until a request needs a read. It returns false if ctx ended.
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
