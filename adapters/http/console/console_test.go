package console_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"golang.org/x/net/html"

	"github.com/offload/sessiond/adapters/http/console"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

func TestPageOfAHealthyService(t *testing.T) {
	w := newWorld(t)
	w.record(3, ports.SessionIssued{})
	page := w.page(t)
	assert.Equal(t, "All is well", headline(t, page))
	assert.Contains(t, page, "New sessions: 3 in 15 minutes, at most 0.6 a second")
	assert.Contains(t, page, `<meta http-equiv="refresh" content="5">`)
	for _, link := range []string{"/metrics", "/livez", "/readyz", "/console.json"} {
		assert.Contains(t, page, `href="`+link+`"`)
	}
	assert.Equal(t, "ok", w.json(t).Status)

	paused := w.send("GET", "/?paused", "localhost").Body.String()
	assert.NotContains(t, paused, "http-equiv")
	assert.Contains(t, paused, `<a href="/">Resume</a>`)
}

// TestTimelineIsBounded shows a keyring with more changes than the page has columns.
func TestTimelineIsBounded(t *testing.T) {
	w := newWorld(t)
	w.put(t, keys.NewHS256("k0", []byte(secretText), keys.Plan{}),
		keys.NewHS256("k1", []byte(secretText+"1"), keys.Plan{SignFrom: noon.Add(2 * time.Hour)}),
		keys.NewHS256("k2", []byte(secretText+"2"), keys.Plan{SignFrom: noon.Add(4 * time.Hour)}),
		keys.NewHS256("k3", []byte(secretText+"3"), keys.Plan{SignFrom: noon.Add(6 * time.Hour),
			VerifyUntil: noon.Add(900 * 24 * time.Hour)}))
	page := w.page(t)
	assert.Contains(t, page, `<ol><li class="pending">pending</li><li class="pending">pending</li>`+
		`<li class="pending">pending</li><li class="signing">signing</li></ol>`)
	assert.Contains(t, page, "14:00:00<span>in 1 h 59 min</span>")
	assert.Contains(t, page, "later changes are not shown")
}

// TestPageEscapesText has markup in every text that comes from outside.
func TestPageEscapesText(t *testing.T) {
	const hostile = `<script>alert(1)</script>"'><img src=x onerror=alert(2)>&amp;`
	w := newWorld(t, func(p *console.Parts) {
		p.Version, p.Environment = hostile, hostile
		p.Warnings = []console.Warning{{Variable: hostile, Problem: hostile, Remedy: hostile}}
		p.SignerMissing, p.KeysEndEarly, p.ProxiesVariable = hostile, hostile, hostile
		p.StorageVariable = hostile
	})
	*w.readiness = append(*w.readiness, ports.Condition{Name: hostile, Detail: hostile})
	w.put(t, keys.NewHS256(keys.ID(hostile), []byte(secretText),
		keys.Plan{SignFrom: noon.Add(time.Hour), VerifyUntil: noon.Add(2 * time.Hour)}))
	w.record(1, ports.LimiterOutageStarted{Cause: errors.New(hostile)})
	w.record(1, ports.ReloadFailed{Material: ports.MaterialTLS, Cause: errors.New(hostile)})
	w.record(1, ports.WatchFailed{Material: ports.MaterialTLS, Cause: errors.New(hostile)})
	w.record(1, ports.LimiterMisconfigured{Problem: hostile})
	w.record(1, ports.TracesLost{Cause: errors.New(hostile)})
	w.record(1, ports.TraceFull{Cause: errors.New(hostile)})
	w.record(1, ports.RequestsShed{Budget: ports.BudgetUnread})
	w.record(1, ports.ForwardedByStranger{})
	page := w.page(t)
	tokens := html.NewTokenizer(strings.NewReader(page))
	texts := 0
	for tokens.Next() != html.ErrorToken {
		token := tokens.Token()
		if token.Type == html.TextToken && strings.Contains(token.Data, hostile) {
			texts++
		}
		assert.NotContains(t, []string{"script", "img", "style", "form", "iframe"}, token.Data)
		for _, attribute := range token.Attr {
			assert.False(t, strings.HasPrefix(attribute.Key, "on") || attribute.Key == "style",
				attribute.Key)
			if attribute.Key == "href" {
				assert.True(t, strings.HasPrefix(attribute.Val, "/"), "no external resource")
			}
		}
	}
	assert.Greater(t, texts, 10, "the texts are shown as they are")

	w.clock.Advance(time.Second)
	response := w.send("GET", console.PathJSON, "localhost")
	assert.True(t, json.Valid(response.Body.Bytes()))
	assert.NotContains(t, response.Body.String(), "<script>")
}

// TestShowsNoSecret looks for the material of the keys and for the subjects of limits.
func TestShowsNoSecret(t *testing.T) {
	w := newWorld(t)
	install := throttle.NewDigester([]byte("digest key")).Subject(throttle.ByInstall, "an-install-id")
	w.record(20, ports.IssuanceThrottled{Dimension: throttle.ByInstall, Install: install})
	page := w.page(t)
	hash := throttle.NewPseudonyms([]byte("digest key")).Of(install)
	assert.Contains(t, page, hash)
	for _, text := range []string{page, w.send("GET", console.PathJSON, "localhost").Body.String()} {
		assert.Contains(t, text, hash)
		for _, secret := range []string{secretText, "an-install-id", "digest key",
			string(install[:]), strings.ToLower(secretText)} {
			assert.NotContains(t, text, secret)
		}
	}
}

// assertProtected checks the headers that protect the browser of an operator.
func assertProtected(t *testing.T, header http.Header) {
	t.Helper()
	assert.Equal(t, "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "+
		"frame-ancestors 'none'", header.Get("Content-Security-Policy"))
	assert.Equal(t, "nosniff", header.Get("X-Content-Type-Options"))
	assert.Equal(t, "same-origin", header.Get("Cross-Origin-Resource-Policy"))
	assert.Equal(t, "same-origin", header.Get("Cross-Origin-Opener-Policy"))
	assert.Equal(t, "no-referrer", header.Get("Referrer-Policy"))
	assert.Equal(t, "no-store", header.Get("Cache-Control"))
	assert.Empty(t, header.Get("Set-Cookie"))
	assert.Empty(t, header.Get("Access-Control-Allow-Origin"))
}

func TestResponsesProtectTheBrowser(t *testing.T) {
	w := newWorld(t)
	for path, mediaType := range map[string]string{console.Path: "text/html; charset=utf-8",
		console.PathJSON: "application/json", "/console.css": "text/css; charset=utf-8"} {
		for _, method := range []string{"GET", "HEAD"} {
			response := w.send(method, path, "localhost")
			assert.Equal(t, http.StatusOK, response.Code)
			assert.Equal(t, mediaType, response.Header().Get("Content-Type"))
			assertProtected(t, response.Header())
		}
		for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "get", "BREW"} {
			response := w.send(method, path, "localhost")
			assert.Equal(t, http.StatusMethodNotAllowed, response.Code)
			assert.Equal(t, "GET, HEAD", response.Header().Get("Allow"))
			assertProtected(t, response.Header())
		}
		response := w.send("GET", path, "attacker.example")
		assert.Equal(t, http.StatusMisdirectedRequest, response.Code)
		assertProtected(t, response.Header())
	}
	for _, path := range []string{"/console", "/index.html", "//", "/./", "/%2e", "/favicon.ico",
		"/console.json/", "/Console.json", "/console.css/../"} {
		assert.Equal(t, http.StatusNotFound, w.send("GET", path, "localhost").Code, path)
	}
	for _, path := range []string{"/?", "/?paused=1", "/?%00", "/?q=<script>"} {
		response := w.send("GET", path, "localhost")
		assert.Equal(t, http.StatusOK, response.Code, path)
		assert.NotContains(t, response.Body.String(), "<script>")
	}
}

func TestRefusesOtherHosts(t *testing.T) {
	w := newWorld(t, func(p *console.Parts) { p.Hosts = []string{"ops.example.com"} })
	for host, status := range map[string]int{
		"127.0.0.1": 200, "127.0.0.1:9090": 200, "[::1]:9090": 200, "[::1]": 200,
		"192.0.2.7:9090": 200, "localhost": 200, "localhost:9090": 200, "LocalHost:9090": 200,
		"ops.example.com": 200, "OPS.example.com:9090": 200, "ops.example.com.:9090": 200,
		"attacker.example": 421, "attacker.example:9090": 421, "": 421,
		"ops.example.com.attacker.example": 421, "127.0.0.1.attacker.example": 421,
		"localhost.attacker.example": 421, "xops.example.com": 421,
	} {
		for _, path := range []string{console.Path, console.PathJSON, "/console.css"} {
			before := len(w.events.Recorded())
			response := w.send("GET", path, host)
			assert.Equal(t, status, response.Code, "%q", host)
			if status == http.StatusOK {
				assert.Len(t, w.events.Recorded(), before)
				continue
			}
			assert.Equal(t, ports.ConsoleRefused{}, w.events.Recorded()[before])
			assert.Contains(t, response.Body.String(), "HOSTS")
			assert.NotContains(t, response.Body.String(), "attacker")
		}
	}
}

// TestIsRenderedOncePerSecond has a hundred viewers look at the page at once. How often it is
// rendered shows in how often the keys are read.
func TestIsRenderedOncePerSecond(t *testing.T) {
	source := &countingKeys{}
	w := newWorld(t, func(p *console.Parts) {
		source.KeySource = p.Keys
		p.Keys = source
	})
	for second := range 3 {
		var viewers sync.WaitGroup
		for range 100 {
			viewers.Go(func() {
				response := httptest.NewRecorder()
				request := httptest.NewRequest("GET", "/", nil)
				request.Host = "localhost"
				w.router.ServeHTTP(response, request)
				assert.Equal(t, http.StatusOK, response.Code)
			})
		}
		viewers.Wait()
		assert.Equal(t, second+1, source.read())
		w.clock.Advance(time.Second)
	}
}

// countingKeys counts how often keys are read.
type countingKeys struct {
	ports.KeySource

	mu    sync.Mutex
	times int
}

func (k *countingKeys) Keyring() *keys.Keyring {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.times++
	return k.KeySource.Keyring()
}

func (k *countingKeys) read() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.times
}

// BenchmarkPage measures rendering a page, which happens at most once a second.
func BenchmarkPage(b *testing.B) {
	w := newWorld(b)
	w.record(1000, ports.SessionIssued{})
	b.ReportAllocs()
	for b.Loop() {
		w.page(b)
	}
}
