package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// others are well-behaved clients: each has a session, verifies it, and now and then requests a new
// one.
type others struct {
	url    string
	client *http.Client
	token  string
	asked  int
}

// felt holds the latencies of their requests, measured from when each request was due, so that a
// stall of the service affects all requests that were due meanwhile.
type felt struct {
	waits  []time.Duration // sorted
	failed int
}

func newOthers(address string) (*others, error) {
	o := &others{
		url: "http://" + address,
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64},
			Timeout: 20 * time.Second},
	}
	body, err := o.send(o.issue(0))
	if err != nil {
		return nil, err
	}
	var session struct {
		Token string `json:"session_token"`
	}
	o.token = ""
	if err := json.Unmarshal(body, &session); err != nil {
		return nil, err
	}
	o.token = session.Token
	return o, nil
}

// ask sends requests at the steady rate for the given time, and waits for the last responses.
func (o *others) ask(during time.Duration) felt {
	var (
		mu      sync.Mutex
		asking  sync.WaitGroup
		all     felt
		began   = time.Now()
		between = time.Second / rate
	)
	for n := range int(during / between) {
		due := began.Add(time.Duration(n) * between)
		time.Sleep(time.Until(due))
		o.asked++
		request := o.current()
		if n%8 == 0 {
			request = o.issue(o.asked)
		}
		asking.Go(func() {
			_, err := o.send(request)
			wait := time.Since(due)
			mu.Lock()
			defer mu.Unlock()
			all.waits = append(all.waits, wait)
			if err != nil {
				all.failed++
			}
		})
	}
	asking.Wait()
	slices.Sort(all.waits)
	return all
}

// hurry has a few clients send requests as fast as they can for the given time.
func (o *others) hurry(during time.Duration) {
	var asking sync.WaitGroup
	end := time.Now().Add(during)
	for range 8 {
		asking.Go(func() {
			for time.Now().Before(end) {
				_, _ = o.send(o.current())
			}
		})
	}
	asking.Wait()
}

func (o *others) current() *http.Request {
	request, _ := http.NewRequest(http.MethodGet, o.url+"/v1/sessions/current", nil)
	request.Header.Set("Authorization", "Bearer "+o.token)
	return request
}

func (o *others) issue(n int) *http.Request {
	request, _ := http.NewRequest(http.MethodPost, o.url+"/v1/sessions/anonymous",
		strings.NewReader(
			fmt.Sprintf(`{"install_id":"edgeload-%d","app_version":"1.0","platform":"ios"}`, n)))
	request.Header.Set("Content-Type", "application/json")
	return request
}

// send returns the body of a 200 response.
func (o *others) send(request *http.Request) ([]byte, error) {
	answer, err := o.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("unexpected status %d", answer.StatusCode)
	}
	return body, err
}

// and returns both sets of latencies combined.
func (f felt) and(other felt) felt {
	both := felt{waits: append(slices.Clone(f.waits), other.waits...),
		failed: f.failed + other.failed}
	slices.Sort(both.waits)
	return both
}

// at returns the latency that the given share of requests did not exceed.
func (f felt) at(share float64) time.Duration {
	if len(f.waits) == 0 {
		return 0
	}
	return f.waits[int(share*float64(len(f.waits)-1))].Round(10 * time.Microsecond)
}
