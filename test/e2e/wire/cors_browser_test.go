//go:build languages

package wire_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/browser"
)

// TestCORSInABrowser has pages of other origins use the service.
func TestCORSInABrowser(t *testing.T) {
	allowed, other := newOrigin(t), newOrigin(t)
	// The service's clock stands still, so a slow browser does not regain what it has spent.
	service := harness.Serve(t, harness.Env{
		"OFFLOAD_CORS_ALLOWED_ORIGINS":            allowed.URL,
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_INSTALL": "2",
	})

	got := allowed.visit(t, service.Public)
	assert.Equal(t, http.StatusOK, got.First.Status)
	assert.Equal(t, http.StatusOK, got.Current.Status)
	assert.Equal(t, "install-of-a-browser", got.Current.Body["install_id"])
	assert.NotEmpty(t, got.Current.header("X-Request-ID"))

	assert.Equal(t, http.StatusUnauthorized, got.Missing.Status, "the page can read errors too")
	assert.Equal(t, "unauthorized", got.Missing.header("X-Error-Code"))
	assert.Equal(t, `Bearer realm="offload"`, got.Missing.header("WWW-Authenticate"))

	assert.Equal(t, http.StatusOK, got.Issued.Status)
	assert.Contains(t, got.Issued.header("RateLimit"), `"install_id";r=0;t=`)
	assert.Contains(t, got.Issued.header("RateLimit-Policy"), `"install_id";q=2;w=60`)
	assert.Equal(t, http.StatusTooManyRequests, got.Refused.Status)
	assert.NotEmpty(t, got.Refused.header("Retry-After"))

	assert.Equal(t, "TypeError", got.Verify.Blocked, "verify is for proxies only")
	assert.Equal(t, "TypeError", got.Credentials.Blocked, "cookies are not allowed")
	assert.Equal(t, http.StatusOK, got.Keys.Status)

	got = other.visit(t, service.Public)
	for name, answer := range map[string]pageAnswer{"first": got.First, "current": got.Current, "missing": got.Missing,
		"issued": got.Issued, "verify": got.Verify} {
		assert.Equal(t, "TypeError", answer.Blocked, name)
	}
	assert.Equal(t, http.StatusOK, got.Keys.Status, "public keys are for every page")
}

// pageAnswer is what a page could see of one answer.
type pageAnswer struct {
	Status  int
	Headers map[string]*string
	Body    map[string]any
	// Blocked is the name of the error if the browser hid the answer from the page.
	Blocked string
}

// header returns a header that the page could read, or "".
func (a pageAnswer) header(name string) string {
	if a.Headers[name] == nil {
		return ""
	}
	return *a.Headers[name]
}

// report is what testdata/cors.js reports.
type report struct {
	First, Current, Missing, Issued, Refused, Verify, Credentials, Keys pageAnswer
}

// origin serves the page from an origin of its own, and receives its report.
type origin struct {
	*httptest.Server
	reports chan report
}

func newOrigin(t *testing.T) *origin {
	o := &origin{reports: make(chan report, 1)}
	mux := http.NewServeMux()
	mux.Handle("GET /testdata/", http.StripPrefix("/testdata/",
		http.FileServer(http.Dir("testdata"))))
	mux.HandleFunc("GET /page", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprint(w, `<!doctype html><link rel="icon" href="data:,">`+
			`<script type="module" src="/testdata/cors.js"></script>`)
	})
	mux.HandleFunc("POST /report", func(_ http.ResponseWriter, r *http.Request) {
		var received report
		if assert.NoError(t, json.NewDecoder(r.Body).Decode(&received)) {
			o.reports <- received
		}
	})
	o.Server = httptest.NewServer(mux)
	t.Cleanup(o.Close)
	return o
}

// visit opens the page in a headless browser, and returns what it reports about the service.
func (o *origin) visit(t *testing.T, service string) report {
	t.Helper()
	address := o.URL + "/page?service=" + url.QueryEscape("http://"+service)
	browser.Open(t, address)
	return harness.Receive(t, "the page has sent its report", o.reports)
}
