package console_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/offload/sessiond/adapters/http/console"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// headline returns the headline of a page.
func headline(t *testing.T, page string) string {
	t.Helper()
	found := regexp.MustCompile(`<h2 id="status">(.*?)</h2>`).FindStringSubmatch(page)
	require.NotNil(t, found)
	return html.UnescapeString(found[1])
}

// status returns the status that the machines' form of the page has.
func (w *world) status(t *testing.T) string {
	t.Helper()
	w.clock.Advance(time.Second)
	var decoded struct{ Status string }
	require.NoError(t, json.Unmarshal(w.ask("GET", console.PathJSON, "localhost").Body.Bytes(),
		&decoded))
	return decoded.Status
}

func TestCalm(t *testing.T) {
	w := newWorld(t)
	w.record(3, ports.SessionIssued{})
	page := w.page(t)
	assert.Equal(t, "All is well", headline(t, page))
	assert.Contains(t, page, "New sessions: 3 in 15 minutes, at most 0.6 a second")
	assert.Contains(t, page, `<meta http-equiv="refresh" content="5">`)
	for _, link := range []string{"/metrics", "/livez", "/readyz", "/console.json"} {
		assert.Contains(t, page, `href="`+link+`"`)
	}
	assert.Equal(t, "ok", w.status(t))

	paused := w.ask("GET", "/?paused", "localhost").Body.String()
	assert.NotContains(t, paused, "http-equiv")
	assert.Contains(t, paused, `<a href="/">Resume</a>`)
}

// TestHeadline shows that each thing that can be wrong is what the page says first, and that the
// page says so no longer when it has ended.
func TestHeadline(t *testing.T) {
	shown := func(w *world, want, status string) {
		t.Helper()
		assert.Equal(t, want, headline(t, w.page(t)))
		assert.Equal(t, status, w.status(t))
	}
	well := func(w *world) {
		t.Helper()
		shown(w, "All is well", "ok")
	}
	t.Run("not ready", func(t *testing.T) {
		w := newWorld(t)
		(*w.readiness)[0] = ports.Condition{Name: "service", Detail: "stopping"}
		shown(w, "Not ready: stopping", "critical")
	})
	for policy, want := range map[ports.OutagePolicy]string{
		ports.OutageLocal: "each replica limits by itself", ports.OutageDeny: "no sessions are issued",
		ports.OutageAllow: "nothing is limited",
	} {
		t.Run("outage under "+policy.String(), func(t *testing.T) {
			w := newWorld(t)
			w.record(1, ports.LimiterOutageStarted{Policy: policy, Cause: errors.New("refused <here>")})
			w.clock.Advance(3 * time.Minute)
			shown(w, "The shared storage (redis) is out: "+want, "critical")
			page := w.page(t)
			assert.Contains(t, page, "Since 12:00:00 (3 min 3 s ago)")
			assert.Contains(t, page, "Cause: refused &lt;here&gt;")
			w.record(1, ports.LimiterOutageEnded{Policy: policy})
			well(w)
			assert.Contains(t, w.page(t), "The shared storage came back")
		})
	}
	t.Run("no key", func(t *testing.T) {
		w := newWorld(t)
		w.put(t, keys.NewHS256("next", []byte(secretText),
			keys.Plan{SignFrom: noon.Add(20*time.Minute + time.Second)}))
		shown(w, "No key signs: no sessions are issued", "critical")
		assert.Contains(t, w.page(t), "The next key signs 12:20:01 (in 19 min)")
		w.clock.Advance(20 * time.Minute)
		well(w)
	})
	t.Run("no key soon", func(t *testing.T) {
		w := newWorld(t)
		w.put(t, keys.NewHS256("last", []byte(secretText),
			keys.Plan{VerifyUntil: noon.Add(time.Hour)}))
		shown(w, "No key will sign from 13:00:00 (in 59 min)", "attention")
	})
	t.Run("a rotation", func(t *testing.T) {
		w := newWorld(t)
		w.put(t, keys.NewHS256("old", []byte(secretText), keys.Plan{}),
			keys.NewHS256("new", []byte(secretText+"2"),
				keys.Plan{SignFrom: noon.Add(20*time.Minute + time.Second)}))
		well(w)
		assert.Contains(t, w.page(t),
			"A rotation is under way: the key new signs from 12:20:01 (in 19 min)")
	})
	t.Run("limits", func(t *testing.T) {
		w := newWorld(t)
		w.record(200, ports.SessionIssued{})
		w.record(9, ports.IssuanceThrottled{Dimension: throttle.ByAddress})
		well(w)
		w.record(41, ports.IssuanceThrottled{Dimension: throttle.ByNetwork})
		shown(w, "Limits refuse 20 % of requests, most by network", "attention")
		w.clock.Advance(2 * time.Minute)
		well(w)
		assert.Contains(t, w.page(t), `<td class="number hit">41</td>`, "the table goes further back")
	})
	t.Run("limits that are observed", func(t *testing.T) {
		w := newWorld(t, func(p *console.Parts) { p.Mode = ports.Observe })
		w.record(100, ports.SessionIssued{})
		w.record(20, ports.IssuanceThrottled{Mode: ports.Observe})
		shown(w, "Limits would refuse 20 % of requests, most by ip", "attention")
	})
	t.Run("load", func(t *testing.T) {
		w := newWorld(t)
		w.record(7, ports.RequestsShed{Budget: ports.BudgetWaiting})
		shown(w, "Load is shed: the budget waiting is reached", "attention")
		w.clock.Advance(2 * time.Minute)
		well(w)
	})
	t.Run("files", func(t *testing.T) {
		w := newWorld(t)
		w.record(1, ports.ReloadFailed{Material: ports.MaterialKeys, Cause: errors.New("not JSON")})
		shown(w, "Keyset: the changed files cannot be used", "attention")
		w.record(1, ports.Reloaded{Content: ports.KeysContent{}})
		well(w)
	})
	t.Run("certificate", func(t *testing.T) {
		w := newWorld(t, func(p *console.Parts) {
			p.CertificateEnds = func() time.Time { return noon.Add(8 * 24 * time.Hour) }
		})
		well(w)
		w.clock.Advance(2 * 24 * time.Hour)
		assert.Contains(t, headline(t, w.page(t)), "The certificate ends 24 Feb 12:00 (in 5 d 23 h)")
		w.clock.Advance(7 * 24 * time.Hour)
		shown(w, "The certificate has ended", "critical")
	})
	t.Run("storage", func(t *testing.T) {
		w := newWorld(t)
		w.record(1, ports.LimiterMisconfigured{Problem: "evicts keys"})
		shown(w, "The shared storage is misconfigured", "attention")
	})
	t.Run("proxy", func(t *testing.T) {
		w := newWorld(t)
		w.record(1, ports.ForwardedByStranger{})
		shown(w, "A proxy is missing in the configuration", "attention")
		assert.Contains(t, w.page(t), "add it to PROXIES")
	})
	t.Run("the worst comes first", func(t *testing.T) {
		w := newWorld(t)
		w.record(50, ports.IssuanceThrottled{})
		w.record(1, ports.LimiterOutageStarted{Cause: errors.New("refused")})
		shown(w, "The shared storage (redis) is out: each replica limits by itself", "critical")
		assert.Contains(t, w.page(t), `<p class="summary">Limits refuse 100 % of requests`)
	})
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

// TestHostileText has markup in every text that comes from outside.
func TestHostileText(t *testing.T) {
	const hostile = `<script>alert(1)</script>"'><img src=x onerror=alert(2)>&amp;`
	w := newWorld(t, func(p *console.Parts) {
		p.Version, p.Environment = hostile, hostile
		p.Warnings = []console.Warning{{Variable: hostile, Problem: hostile, Remedy: hostile}}
		p.SignerMissing, p.KeysEndEarly, p.ProxiesVariable = hostile, hostile, hostile
	})
	*w.readiness = append(*w.readiness, ports.Condition{Name: hostile, Detail: hostile})
	w.put(t, keys.NewHS256(keys.ID(hostile), []byte(secretText),
		keys.Plan{SignFrom: noon.Add(time.Hour), VerifyUntil: noon.Add(2 * time.Hour)}))
	w.record(1, ports.LimiterOutageStarted{Cause: errors.New(hostile)})
	w.record(1, ports.ReloadFailed{Material: ports.MaterialTLS, Cause: errors.New(hostile)})
	w.record(1, ports.WatchFailed{Material: ports.MaterialTLS, Cause: errors.New(hostile)})
	w.record(1, ports.LimiterMisconfigured{Problem: hostile})
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
	answer := w.ask("GET", console.PathJSON, "localhost")
	assert.True(t, json.Valid(answer.Body.Bytes()))
	assert.NotContains(t, answer.Body.String(), "<script>")
}

// TestShowsNoSecret looks for the material of the keys and for the subjects of limits.
func TestShowsNoSecret(t *testing.T) {
	w := newWorld(t)
	install := throttle.NewDigester([]byte("digest key")).Subject(throttle.ByInstall, "an-install-id")
	w.record(20, ports.IssuanceThrottled{Dimension: throttle.ByInstall, Install: install})
	page := w.page(t)
	hash := throttle.NewPseudonyms([]byte("digest key")).Of(install)
	assert.Contains(t, page, hash)
	for _, text := range []string{page, w.ask("GET", console.PathJSON, "localhost").Body.String()} {
		assert.Contains(t, text, hash)
		for _, secret := range []string{secretText, "an-install-id", "digest key",
			string(install[:]), strings.ToLower(secretText)} {
			assert.NotContains(t, text, secret)
		}
	}
}

func TestHeaders(t *testing.T) {
	w := newWorld(t)
	for path, mediaType := range map[string]string{console.Path: "text/html; charset=utf-8",
		console.PathJSON: "application/json", "/console.css": "text/css; charset=utf-8"} {
		for _, method := range []string{"GET", "HEAD"} {
			answer := w.ask(method, path, "localhost")
			assert.Equal(t, http.StatusOK, answer.Code)
			header := answer.Header()
			assert.Equal(t, mediaType, header.Get("Content-Type"))
			assert.Equal(t, "default-src 'none'; style-src 'self'; base-uri 'none'; "+
				"form-action 'none'; frame-ancestors 'none'", header.Get("Content-Security-Policy"))
			assert.Equal(t, "nosniff", header.Get("X-Content-Type-Options"))
			assert.Equal(t, "no-store", header.Get("Cache-Control"))
			assert.Empty(t, header.Get("Set-Cookie"))
			assert.Empty(t, header.Get("Access-Control-Allow-Origin"))
		}
		for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "PATCH"} {
			answer := w.ask(method, path, "localhost")
			assert.Equal(t, http.StatusMethodNotAllowed, answer.Code)
			assert.Equal(t, "GET, HEAD", answer.Header().Get("Allow"))
		}
	}
	assert.Equal(t, http.StatusNotFound, w.ask("GET", "/console", "localhost").Code)
}

func TestHosts(t *testing.T) {
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
			answer := w.ask("GET", path, host)
			assert.Equal(t, status, answer.Code, "%q", host)
			if status == http.StatusOK {
				assert.Len(t, w.events.Recorded(), before)
				continue
			}
			assert.Equal(t, ports.ConsoleRefused{}, w.events.Recorded()[before])
			assert.Contains(t, answer.Body.String(), "HOSTS")
			assert.NotContains(t, answer.Body.String(), "attacker")
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
				answer := httptest.NewRecorder()
				request := httptest.NewRequest("GET", "/", nil)
				request.Host = "localhost"
				w.router.ServeHTTP(answer, request)
				assert.Equal(t, http.StatusOK, answer.Code)
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
