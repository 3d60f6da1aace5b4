package snippets_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/ports/portsfake"
	"github.com/offload/sessiond/test/harness"
)

// pacer is a proxy in front of a service. When an answer tells the client to wait, it moves the
// service's clock on by that time before the client sees the answer, and records the time.
type pacer struct {
	address string
	clock   *portsfake.Clock

	mu    sync.Mutex
	posts []post
}

// post is one request for a session.
type post struct {
	arrived time.Time
	status  int
	wait    time.Duration // what the answer tells the client to wait
}

func newPacer(t *testing.T, service *harness.InProcess) *pacer {
	t.Helper()
	p := &pacer{clock: service.Clock}
	target := &url.URL{Scheme: "http", Host: service.Public}
	proxy := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:      &http.Transport{DisableKeepAlives: true},
		ModifyResponse: p.observe,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			p.mu.Lock()
			p.posts = append(p.posts, post{arrived: time.Now()})
			p.mu.Unlock()
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	p.address = strings.TrimPrefix(server.URL, "http://")
	return p
}

var waits = regexp.MustCompile(`r=0;t=(\d+)`)

// observe records the answer to a request for a session, and moves the clock.
func (p *pacer) observe(answer *http.Response) error {
	if answer.Request.Method != http.MethodPost {
		return nil
	}
	var seconds []string
	if given := answer.Header.Get("Retry-After"); given != "" {
		seconds = append(seconds, given)
	}
	for _, limit := range waits.FindAllStringSubmatch(answer.Header.Get("RateLimit"), -1) {
		seconds = append(seconds, limit[1])
	}
	var wait time.Duration
	for _, text := range seconds {
		n, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		wait = max(wait, time.Duration(n)*time.Second)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	last := &p.posts[len(p.posts)-1]
	last.status, last.wait = answer.StatusCode, wait
	p.clock.Advance(wait)
	return nil
}

func (p *pacer) statuses() []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []int
	for _, post := range p.posts {
		all = append(all, post.status)
	}
	return all
}

// assertWaited checks that no request for a session came before the time that the answer to the
// previous one named. A request may come later than that, by any amount.
func (p *pacer) assertWaited(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, next := range p.posts[1:] {
		previous := p.posts[i]
		assert.NotZero(t, previous.wait, "answer %d names no time to wait", i+1)
		assert.GreaterOrEqual(t, next.arrived.Sub(previous.arrived), previous.wait,
			"request %d came too early", i+2)
	}
}
