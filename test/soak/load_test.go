package soak_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/offload/sessiond/test/harness"
)

// kind is a kind of request.
type kind int

const (
	newSession kind = iota
	renewal
	current
	forwardAuth
	malformed
	flood
)

// kinds is how many kinds there are.
const kinds = int(flood) + 1

var kindNames = [kinds]string{"new sessions", "renewals", "`/v1/sessions/current`",
	"forward auth to an application", "malformed requests", "a flood from one address"}

// mix is the order in which kinds of requests are sent, again and again.
var mix = [20]kind{current, forwardAuth, newSession, current, renewal, forwardAuth, flood, current,
	forwardAuth, malformed, current, renewal, forwardAuth, newSession, current, forwardAuth, flood,
	current, renewal, forwardAuth}

const (
	// patience is how long a client waits for a response, as docs/clients.md says.
	patience = 10 * time.Second
	// connections is how many connections the clients have to nginx at most.
	connections = 100
	// renewEvery is how often each phone renews its session, as the number of phones allows.
	renewEvery = 40 * time.Second
)

// load sends requests at a fixed rate, whatever the latency, and judges the responses.
type load struct {
	url    string
	rate   int
	began  time.Time
	client *http.Client
	phones phones
	logs   *inspector
	rules  rules
	cancel context.CancelFunc
	asking sync.WaitGroup

	mu      sync.Mutex
	samples []sample
	grants  map[string][]span // of the flooded subjects
	kids    map[string]bool   // the keys that sessions were signed with
	moved   time.Time         // when the storage moved
}

// sample is what one request came to. Its latency counts from when it was due.
type sample struct {
	kind    kind
	due     time.Time
	latency time.Duration
	late    time.Duration // how late it was sent
	verdict verdict
}

// span is the time from sending a request to its complete response.
type span struct{ sent, done time.Time }

func startLoad(t testing.TB, w *world, rate int) *load {
	t.Helper()
	transport := &http.Transport{MaxConnsPerHost: connections, MaxIdleConnsPerHost: connections,
		IdleConnTimeout: 30 * time.Second}
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{url: "http://" + w.nginx.Addr, rate: rate, began: time.Now(), logs: w.logs,
		client: &http.Client{Transport: transport, Timeout: patience}, cancel: cancel,
		grants: map[string][]span{}, kids: map[string]bool{}}
	joining := 0 // of the mix: each sends its phone to the end of the queue
	for _, kind := range mix {
		if kind == newSession || kind == renewal {
			joining++
		}
	}
	l.phones.most = rate * joining * int(renewEvery/time.Second) / len(mix)
	l.asking.Go(func() { l.send(ctx) })
	t.Cleanup(func() { l.stop(t) })
	return l
}

// stop ends the load and waits for the last responses. It may be called more than once.
func (l *load) stop(t testing.TB) {
	t.Helper()
	l.cancel()
	harness.Wait(t, "the last responses arrive", &l.asking)
	l.client.CloseIdleConnections()
}

func (l *load) send(ctx context.Context) {
	for n := 0; ; n++ {
		due := l.began.Add(time.Duration(n) * time.Second / time.Duration(l.rate))
		timer := time.NewTimer(time.Until(due))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		l.rules.awake(due, time.Now())
		l.asking.Go(func() { l.one(n, due) })
	}
}

// one sends the request with number n.
func (l *load) one(n int, due time.Time) {
	switch kind := mix[n%len(mix)]; kind {
	case newSession:
		l.obtain(l.phones.create(), newSession, due)
	case renewal:
		if phone := l.phones.due(due); phone != nil {
			l.obtain(phone, renewal, due)
			return
		}
		l.obtain(l.phones.create(), newSession, due)
	case current, forwardAuth:
		if phone := l.phones.any(due); phone != nil {
			l.use(phone, kind, due)
			return
		}
		l.obtain(l.phones.create(), newSession, due)
	case malformed:
		l.malform(n, due)
	case flood:
		l.flood(n, due)
	}
}

// obtain requests a session for a phone, as a renewal if it has one.
func (l *load) obtain(p *phone, kind kind, due time.Time) {
	a := l.exchange(request{kind: kind, due: due, method: http.MethodPost,
		path: "/v1/sessions/anonymous", body: harness.IssueBody(p.id), address: p.address,
		token: p.current().token, want: []int{http.StatusOK}})
	if a.status == http.StatusOK {
		l.take(p, a)
	}
	l.phones.add(p)
}

// take keeps the session of a response.
func (l *load) take(p *phone, a answer) {
	session, err := parse(a.body, a.done)
	if err != nil {
		l.record(sample{kind: newSession, due: a.sent,
			verdict: verdict{violation: "200 without a session: " + err.Error()}})
		return
	}
	l.logs.issued(session.token)
	p.keep(session)
	l.mu.Lock()
	l.kids[session.kid] = true
	l.mu.Unlock()
}

// signed reports whether a session was signed with a key.
func (l *load) signed(kid string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.kids[kid]
}

// use sends a request with a phone's session, and does what docs/clients.md says about a 401: a new
// session, and the request again, once.
func (l *load) use(p *phone, kind kind, due time.Time) {
	path := "/v1/sessions/current"
	if kind == forwardAuth {
		path = "/orders"
	}
	session := p.current()
	for try := range 2 {
		a := l.exchange(request{kind: kind, due: due, method: http.MethodGet, path: path,
			address: p.address, token: session.token, session: session, installID: p.id,
			want: []int{http.StatusOK}})
		if a.status != http.StatusUnauthorized || try > 0 {
			return
		}
		if now := p.current(); now.token != session.token { // another request has replaced it
			session, due = now, time.Now()
			continue
		}
		replaced := l.exchange(request{kind: newSession, due: time.Now(), method: http.MethodPost,
			path: "/v1/sessions/anonymous", body: harness.IssueBody(p.id), address: p.address,
			want: []int{http.StatusOK, http.StatusTooManyRequests}})
		if replaced.status != http.StatusOK {
			return
		}
		l.take(p, replaced)
		session, due = p.current(), time.Now()
	}
}

// malform sends one of several requests that no correct client sends.
func (l *load) malform(n int, due time.Time) {
	r := request{kind: malformed, due: due, method: http.MethodPost, path: "/v1/sessions/anonymous",
		address: addressMark + "0.1"}
	switch n / len(mix) % 5 {
	case 0:
		r.body, r.want = `{"install_id":`, []int{http.StatusUnprocessableEntity}
	case 1:
		r.body, r.want = `{"install_id":7,"app_version":"","platform":"ios"}`,
			[]int{http.StatusUnprocessableEntity}
	case 2:
		r.body, r.want = strings.Repeat(" ", 20<<10), []int{http.StatusRequestEntityTooLarge}
	case 3:
		r.method, r.path, r.token = http.MethodGet, "/v1/sessions/current", "not.a.token"
		r.want = []int{http.StatusUnauthorized}
	case 4:
		r.method, r.path, r.want = http.MethodGet, "/orders", []int{http.StatusUnauthorized}
	}
	l.exchange(r)
}

// flood requests sessions for one address, and now and then for one installation, without end.
func (l *load) flood(n int, due time.Time) {
	p, subject := l.phones.create(), floodedAddress
	p.address = floodedAddress
	if n/len(mix)%4 == 0 {
		p, subject = l.phones.create(), floodedInstall
		p.id = floodedInstall
	}
	a := l.exchange(request{kind: flood, due: due, method: http.MethodPost,
		path: "/v1/sessions/anonymous", body: harness.IssueBody(p.id), address: p.address,
		want: []int{http.StatusOK, http.StatusTooManyRequests}})
	if a.status == http.StatusOK {
		l.mu.Lock()
		l.grants[subject] = append(l.grants[subject], span{a.sent, a.done})
		l.mu.Unlock()
	}
}

// exchange sends a request, records what it came to and returns the response.
func (l *load) exchange(r request) answer {
	sent, err := http.NewRequest(r.method, l.url+r.path, strings.NewReader(r.body))
	if err != nil {
		panic(err)
	}
	sent.Header.Set("X-Forwarded-For", r.address)
	if r.body != "" {
		sent.Header.Set("Content-Type", "application/json")
	}
	if r.token != "" {
		sent.Header.Set("Authorization", "Bearer "+r.token)
	}
	a := answer{span: span{sent: time.Now()}}
	response, err := l.client.Do(sent)
	if err == nil {
		a.status, a.header = response.StatusCode, response.Header
		a.body, err = io.ReadAll(response.Body)
		_ = response.Body.Close()
	}
	a.err, a.done = err, time.Now()
	l.record(sample{kind: r.kind, due: r.due, latency: a.done.Sub(r.due), late: a.sent.Sub(r.due),
		verdict: l.rules.judge(r, a)})
	return a
}

func (l *load) record(s sample) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.samples = append(l.samples, s)
}
