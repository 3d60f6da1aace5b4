package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// rate is how many requests the others send per second, whatever the latency.
	rate = 250
	// patience is how long a client waits for a response.
	patience = 5 * time.Second
	// One request in newcomer is for a session, on a new connection, from an address of its own.
	newcomer = 8
)

// others are well-behaved clients. Most have a connection and verify a session; some are new. All
// come from addresses that no attacker uses.
type others struct {
	url string
	// settled reuses connections, fresh never does.
	settled, fresh *http.Client
	token          string
	// refused is set where the service cannot issue sessions: 503 is the right answer then.
	refused bool

	mu      sync.Mutex // guards samples
	samples samples
	sending sync.WaitGroup
	cancel  context.CancelFunc
}

// newOthers returns the others of a service, sending.
func newOthers(ctx context.Context, s *service, refused bool) (*others, error) {
	o := &others{url: "http://" + s.public, refused: refused}
	if s.tls {
		o.url = "https://" + s.public
	}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		n, _ := ctx.Value(addressKey{}).(int)
		return dialer(net.IPv4(127, 200, byte(n%200), byte(1+n/200%250))).DialContext(ctx, network,
			address)
	}
	// HTTP/2 is left out: over one connection a lost packet or a closed connection would hit all.
	transport := &http.Transport{MaxIdleConnsPerHost: 64, DialContext: dial,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} // measured, not trusted
	alone := transport.Clone()
	alone.DisableKeepAlives = true
	o.settled = &http.Client{Transport: transport, Timeout: patience}
	o.fresh = &http.Client{Transport: alone, Timeout: patience}
	if !refused {
		body, err := o.send(o.fresh, o.issue(0), http.StatusOK)
		if err != nil {
			return nil, fmt.Errorf("request a first session: %w", err)
		}
		var session struct {
			Token string `json:"session_token"`
		}
		if err := json.Unmarshal(body, &session); err != nil {
			return nil, err
		}
		o.token = session.Token
	}
	ctx, o.cancel = context.WithCancel(ctx)
	o.sending.Go(func() { o.sendSteadily(ctx) })
	return o, nil
}

// addressKey is the context key of the number of a newcomer, which chooses its address.
type addressKey struct{}

// sendSteadily sends requests at the steady rate until ctx is done.
func (o *others) sendSteadily(ctx context.Context) {
	began := time.Now()
	for n := 0; ; n++ {
		due := began.Add(time.Duration(n) * time.Second / rate)
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(due)):
		}
		o.mu.Lock()
		o.samples = append(o.samples, sample{due: due})
		o.mu.Unlock()
		o.sending.Go(func() {
			var err error
			sent := time.Now()
			switch {
			case n%newcomer != 0:
				_, err = o.send(o.settled, o.current(), http.StatusOK)
			case o.refused:
				_, err = o.send(o.fresh, o.issue(1+n/newcomer), http.StatusServiceUnavailable)
			default:
				_, err = o.send(o.fresh, o.issue(1+n/newcomer), http.StatusOK)
			}
			o.mu.Lock()
			defer o.mu.Unlock()
			one := &o.samples[n]
			one.late, one.wait = sent.Sub(due), time.Since(sent)
			one.done, one.failed = true, err != nil
		})
	}
}

// soFar returns a copy of the samples so far.
func (o *others) soFar() samples {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append(samples(nil), o.samples...)
}

// leave stops the others, waits for their last responses and returns all samples.
func (o *others) leave() samples {
	o.cancel()
	o.sending.Wait()
	o.settled.CloseIdleConnections()
	return o.samples
}

// current returns a request that verifies the session, or one of /v1/health if there is none.
func (o *others) current() *http.Request {
	if o.token == "" {
		request, _ := http.NewRequest(http.MethodGet, o.url+"/v1/health", nil)
		return request
	}
	request, _ := http.NewRequest(http.MethodGet, o.url+"/v1/sessions/current", nil)
	request.Header.Set("Authorization", "Bearer "+o.token)
	return request
}

func (o *others) issue(n int) *http.Request {
	ctx := context.WithValue(context.Background(), addressKey{}, n)
	request, _ := http.NewRequestWithContext(ctx, http.MethodPost, o.url+"/v1/sessions/anonymous",
		strings.NewReader(session("other", n)))
	request.Header.Set("Content-Type", "application/json")
	return request
}

// session returns the body of a request for a session of an installation.
func session(name string, n int) string {
	return fmt.Sprintf(`{"install_id":"siege-%s-%d","app_version":"1.0","platform":"ios"}`, name, n)
}

// send returns the body of a response with the wanted status.
func (o *others) send(client *http.Client, request *http.Request, want int) ([]byte, error) {
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != want {
		err = fmt.Errorf("unexpected status %d", answer.StatusCode)
	}
	return body, err
}

// probe requests /livez ten times a second, each time on a new connection, as an orchestrator does.
type probe struct {
	failures atomic.Int64
	ended    chan struct{} // closed once the last response is there
}

// beginProbe probes until ctx is done.
func beginProbe(ctx context.Context, s *service) *probe {
	p := &probe{ended: make(chan struct{})}
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	go func() {
		defer close(p.ended)
		var sending sync.WaitGroup
		defer sending.Wait()
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			sending.Go(func() {
				answer, err := client.Get("http://" + s.ops + "/livez")
				if err == nil {
					_ = answer.Body.Close()
				}
				if err != nil || answer.StatusCode != http.StatusOK {
					p.failures.Add(1)
				}
			})
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
	return p
}
