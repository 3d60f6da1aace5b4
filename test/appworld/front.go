package appworld

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/offload/sessiond/adapters/http/envelope"
)

// Answer is a substitute for the answer to one request. The zero value passes the request on.
type Answer struct {
	// Status, Headers and Body are an answer in place of the real one, if Status is not 0.
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
	// Pad is a number of spaces after Body.
	Pad int `json:"pad"`
	// Silent never answers.
	Silent bool `json:"silent"`
	// Close closes the connection without an answer.
	Close bool `json:"close"`
	// Hold waits for World.Release, and then gives the real answer, or that of Status.
	Hold bool `json:"hold"`
	// Pass gives the real answer.
	Pass bool `json:"pass"`
}

// front is a server in front of the real one. It counts requests and substitutes answers.
type front struct {
	real http.Handler
	now  func() time.Time
	end  <-chan struct{}

	mu       sync.Mutex
	answers  []Answer
	released chan struct{} // closed and replaced by release
	count    counts
	tokens   map[string]bool
	proofs   map[string]bool
}

// counts is what a front saw so far.
type counts struct{ requests, held, tokens, proofs int }

func newFront(real http.Handler, now func() time.Time, end <-chan struct{}) *front {
	return &front{real: real, now: now, end: end, released: make(chan struct{}),
		tokens: map[string]bool{}, proofs: map[string]bool{}}
}

func (f *front) queue(answers []Answer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers = append(f.answers, answers...)
}

func (f *front) release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.released)
	f.released = make(chan struct{})
	f.count.held = 0
}

func (f *front) counts() counts {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count
}

// next counts a request and returns its answer.
func (f *front) next(r *http.Request) (Answer, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count.requests++
	if _, token, ok := strings.Cut(r.Header.Get(envelope.HeaderAuthorization), " "); ok {
		f.tokens[token] = true
		f.count.tokens = len(f.tokens)
	}
	if proof := r.Header.Get(envelope.HeaderProof); proof != "" {
		f.proofs[proof] = true
		f.count.proofs = len(f.proofs)
	}
	var answer Answer
	if len(f.answers) > 0 {
		answer = f.answers[0]
		f.answers = f.answers[1:]
	}
	if answer.Hold {
		f.count.held++
	}
	return answer, f.released
}

// left counts a request that went away while it was held.
func (f *front) left(released <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if released == f.released {
		f.count.held--
	}
}

// ServeHTTP implements http.Handler. Pages of every origin may read the answers: a real answer
// keeps the CORS headers of the service.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	shared := &shared{ResponseWriter: w, date: f.now().UTC().Format(http.TimeFormat)}
	w = shared
	if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
		header := w.Header()
		header.Set("Access-Control-Allow-Methods", r.Header.Get("Access-Control-Request-Method"))
		header.Set("Access-Control-Allow-Headers", "*, Authorization, Content-Type, DPoP")
		w.WriteHeader(http.StatusNoContent)
		return
	}
	answer, released := f.next(r)
	if answer.Silent || answer.Hold {
		// A server notices that a client went away only after it has read the body.
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		if answer.Silent {
			released = nil
		}
		select {
		case <-released:
		case <-r.Context().Done():
			f.left(released)
			panic(http.ErrAbortHandler)
		case <-f.end:
			panic(http.ErrAbortHandler)
		}
	}
	switch {
	case answer.Close:
		panic(http.ErrAbortHandler)
	case answer.Status != 0:
		if date, ok := answer.Headers["Date"]; ok {
			shared.date = date
		}
		for name, value := range answer.Headers {
			w.Header().Set(name, value)
		}
		w.WriteHeader(answer.Status)
		_, _ = io.WriteString(w, answer.Body+strings.Repeat(" ", answer.Pad))
	default:
		f.real.ServeHTTP(w, r)
	}
}

// shared is a response that pages of other origins may read, and whose Date is the world's.
type shared struct {
	http.ResponseWriter
	date  string // of the world's clock
	began bool
}

// exposed lists the headers that the service exposes to pages too.
const exposed = "Retry-After, RateLimit, RateLimit-Policy, X-Request-ID, X-Error-Code, " +
	"WWW-Authenticate, DPoP-Nonce, Date"

// WriteHeader implements http.ResponseWriter.
func (s *shared) WriteHeader(status int) {
	s.Header().Set("Date", s.date)
	if header := s.Header(); !s.began && header.Get("Access-Control-Allow-Origin") == "" {
		header.Set("Access-Control-Allow-Origin", "*")
		header.Set("Access-Control-Expose-Headers", exposed)
	}
	s.began = true
	s.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (s *shared) Write(data []byte) (int, error) {
	if !s.began {
		s.WriteHeader(http.StatusOK)
	}
	return s.ResponseWriter.Write(data)
}

// Unwrap returns the writer for http.ResponseController.
func (s *shared) Unwrap() http.ResponseWriter { return s.ResponseWriter }
