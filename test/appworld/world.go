package appworld

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/offload/sessiond/adapters/sessionauth"
	"github.com/offload/sessiond/bootstrap"
	"github.com/offload/sessiond/bootstrap/config"
	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/ports/portsfake"
)

// patience is how long the start and the stop of a service may take.
const patience = 60 * time.Second

// noon is the time of the clock of a new world.
var noon = time.Date(2026, time.February, 16, 12, 0, 0, 0, time.UTC)

// defaults is the environment of a service, unless the test sets a variable.
var defaults = map[string]string{
	"OFFLOAD_ENVIRONMENT":    "development",
	"OFFLOAD_HTTP_ADDR":      "127.0.0.1:0",
	"OFFLOAD_OPS_ADDR":       "127.0.0.1:0",
	"OFFLOAD_SESSION_SECRET": "q0Xv7Gm2Jw9sTzYhB4nLkRcEoAiUd8Pf3Vx6MgQyHbE=",
}

// World is a service and an application. It is safe for concurrent use.
type World struct {
	// Sessions and Application are the base URLs, without a slash at the end.
	Sessions, Application string

	clock   *portsfake.Clock
	service interface{ Stop(context.Context) error }
	// idle closes the idle connections to the service.
	idle     func()
	sessions *front
	app      *front
	servers  []*httptest.Server
	end      chan struct{} // closed by Close
	closing  sync.Once
	closed   error

	mu              sync.Mutex
	issued, renewed int
}

// Seen is what happened in a world so far.
type Seen struct {
	// Issued and Renewed are the sessions that the service granted.
	Issued  int `json:"issued"`
	Renewed int `json:"renewed"`
	// SessionRequests and ApplicationRequests are the requests that arrived, without the preflights
	// of browsers.
	SessionRequests     int `json:"session_requests"`
	ApplicationRequests int `json:"application_requests"`
	// Held is the number of requests that wait for Release now.
	Held int `json:"held"`
	// Tokens is the number of different tokens that the application received.
	Tokens int `json:"tokens"`
	// Proofs is the number of different proofs of device keys that either received.
	Proofs int `json:"proofs"`
}

// New starts a world whose service has the variables in env.
func New(env map[string]string) (*World, error) {
	w := &World{clock: portsfake.NewClock(noon), end: make(chan struct{})}
	address, err := w.startService(env)
	if err != nil {
		return nil, err
	}
	upstream := &http.Transport{}
	w.idle = upstream.CloseIdleConnections
	w.sessions = newFront(w.relay(address, upstream), w.clock.Now, w.end)
	w.app = newFront(nil, w.clock.Now, w.end)
	w.Sessions, w.Application = w.listen(w.sessions), w.listen(w.app)
	if w.app.real, err = w.application(env); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	for _, server := range w.servers {
		server.Start()
	}
	return w, nil
}

// listen makes a server that is not started yet, and returns its URL.
func (w *World) listen(handler http.Handler) string {
	server := httptest.NewUnstartedServer(handler)
	w.servers = append(w.servers, server)
	return "http://" + server.Listener.Addr().String()
}

// Now returns the time of the service and of the application, which their answers have as Date.
func (w *World) Now() time.Time { return w.clock.Now() }

// Advance moves the clock of the service and of the application forward.
func (w *World) Advance(d time.Duration) { w.clock.Advance(d) }

// Answer queues substitutes for the next requests of each server.
func (w *World) Answer(sessions, application []Answer) {
	w.sessions.queue(sessions)
	w.app.queue(application)
}

// Release lets every request go on that is held now.
func (w *World) Release() {
	w.sessions.release()
	w.app.release()
}

// Seen returns what happened so far.
func (w *World) Seen() Seen {
	w.mu.Lock()
	seen := Seen{Issued: w.issued, Renewed: w.renewed}
	w.mu.Unlock()
	sessions, app := w.sessions.counts(), w.app.counts()
	seen.SessionRequests, seen.ApplicationRequests = sessions.requests, app.requests
	seen.Held = sessions.held + app.held
	seen.Tokens, seen.Proofs = app.tokens, sessions.proofs+app.proofs
	return seen
}

// Close stops everything. Requests that are held or never answered end.
func (w *World) Close() error {
	w.closing.Do(func() {
		close(w.end)
		for _, server := range w.servers {
			server.CloseClientConnections()
			server.Close()
		}
		w.idle()
		w.closed = w.stopService()
	})
	return w.closed
}

// startService starts the service and returns its address.
func (w *World) startService(env map[string]string) (string, error) {
	var environ []string
	for _, values := range []map[string]string{defaults, env} {
		for name, value := range values {
			environ = append(environ, name+"="+value)
		}
	}
	review := config.Load(config.Sources{Environ: environ, Random: random, Now: noon,
		BuildVersion: "test"})
	if len(review.Faults) > 0 {
		return "", fmt.Errorf("the service's environment: %v", review.Faults)
	}
	log := &startLog{address: make(chan string, 1)}
	service := bootstrap.New(review,
		bootstrap.Replace[ports.Clock](w.clock),
		bootstrap.Replace(bootstrap.LogOutput{Writer: log}))
	w.service = service
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := service.Start(ctx); err != nil {
		return "", err
	}
	select {
	case address := <-log.address:
		return address, nil
	case <-ctx.Done():
		return "", errors.Join(errors.New("the service did not log its start"), w.stopService())
	}
}

func (w *World) stopService() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return w.service.Stop(ctx)
}

// relay returns a handler that passes requests on to the service and counts the sessions that it
// grants: a renewal has limits of its own, which the answer names.
func (w *World) relay(address string, transport http.RoundTripper) http.Handler {
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: address})
	proxy.Transport = transport
	proxy.ModifyResponse = func(answer *http.Response) error {
		if answer.Request.Method == http.MethodPost && answer.StatusCode == http.StatusOK {
			w.mu.Lock()
			defer w.mu.Unlock()
			if strings.Contains(answer.Header.Get("RateLimit-Policy"), `"renewal"`) {
				w.renewed++
			} else {
				w.issued++
			}
		}
		return nil
	}
	proxy.ErrorHandler = func(http.ResponseWriter, *http.Request, error) {
		panic(http.ErrAbortHandler) // the client went away, or the world ends
	}
	return proxy
}

// application returns the application's handler.
func (w *World) application(env map[string]string) (http.Handler, error) {
	value := func(name, preset string) string {
		for _, values := range []map[string]string{env, defaults} {
			if set, ok := values[name]; ok {
				return set
			}
		}
		return preset
	}
	key, err := sessionauth.Secret(value("OFFLOAD_SESSION_TOKEN_ACTIVE_KID", "v2-default"),
		value("OFFLOAD_SESSION_SECRET", ""))
	if err != nil {
		return nil, err
	}
	fixed, err := sessionauth.NewFixed(key)
	if err != nil {
		return nil, err
	}
	config := sessionauth.Config{
		Issuer:   value("OFFLOAD_SESSION_TOKEN_ISSUER", "offload-backend"),
		Audience: value("OFFLOAD_SESSION_TOKEN_AUDIENCE", "offload-ios"),
		Keys:     fixed, Now: w.clock.Now,
		Binding:       bindings[value("OFFLOAD_SESSION_BINDING", "off")],
		PublicOrigins: []string{w.Application},
	}
	if audience := value("OFFLOAD_SESSION_BOUND_AUDIENCE", ""); audience != "" {
		config.BoundAudiences = []string{audience}
	}
	verifier, err := sessionauth.New(config)
	if err != nil {
		return nil, err
	}
	return application(verifier), nil
}

// bindings are the words of OFFLOAD_SESSION_BINDING.
var bindings = map[string]sessionauth.Binding{
	"off": sessionauth.BindingOff, "accept": sessionauth.BindingAccept,
	"require": sessionauth.BindingRequire,
}

func random(n int) []byte {
	bytes := make([]byte, n)
	_, _ = rand.Read(bytes) // never fails
	return bytes
}

// startLog is the log of a service. It sends the public address to address and drops the rest.
type startLog struct {
	mu      sync.Mutex
	partial []byte
	address chan string
}

// Write implements io.Writer.
func (l *startLog) Write(data []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.partial = append(l.partial, data...)
	for {
		line, rest, whole := bytes.Cut(l.partial, []byte("\n"))
		if !whole {
			return len(data), nil
		}
		var event struct {
			Event  string `json:"event"`
			Public string `json:"public"`
		}
		if json.Unmarshal(line, &event) == nil && event.Event == "service_started" {
			select {
			case l.address <- event.Public:
			default:
			}
		}
		l.partial = bytes.Clone(rest)
	}
}
