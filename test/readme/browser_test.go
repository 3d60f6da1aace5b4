//go:build languages

package readme_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

// seen is what a page saw of one answer.
type seen struct {
	Status  int
	Headers map[string]*string
	Body    map[string]any
	// Blocked is the name of the error where the browser let the page see nothing.
	Blocked string
}

// header is a header that the page could read; empty where it could not.
func (s seen) header(name string) string {
	if s.Headers[name] == nil {
		return ""
	}
	return *s.Headers[name]
}

// report is what the page tells.
type report struct {
	Current, Missing, Issued, Refused, Verify, Credentials seen
	Kept                                                   bool
}

// origin serves the page with the README's client from an origin of its own, and passes on what it tells.
type origin struct {
	*httptest.Server
	reports chan report
}

func newOrigin(t *testing.T) *origin {
	o := &origin{reports: make(chan report, 1)}
	files := http.FileServer(http.Dir(compiled(t, "page.js")))
	mux := http.NewServeMux()
	mux.Handle("/", files)
	mux.HandleFunc("GET /page", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprint(w,
			`<!doctype html><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>`)
	})
	mux.HandleFunc("POST /report", func(_ http.ResponseWriter, r *http.Request) {
		var told report
		if assert.NoError(t, json.NewDecoder(r.Body).Decode(&told)) {
			o.reports <- told
		}
	})
	o.Server = httptest.NewServer(mux)
	t.Cleanup(o.Close)
	return o
}

// visit opens the page in a browser without a window, and returns what it tells of the service.
func (o *origin) visit(t *testing.T, service string) report {
	t.Helper()
	page := o.URL + "/page?service=" + url.QueryEscape("http://"+service)
	browser := exec.Command(found(t, "chromium"), "--headless", "--no-sandbox", "--disable-gpu",
		"--disable-dev-shm-usage", "--no-first-run",
		"--disable-background-networking", "--user-data-dir="+t.TempDir(), page)
	require.NoError(t, browser.Start())
	defer func() {
		_ = browser.Process.Kill()
		_ = browser.Wait()
	}()
	select {
	case told := <-o.reports:
		return told
	case <-time.After(harness.Timeout):
		require.Fail(t, "the page tells nothing")
		return report{}
	}
}

// TestBrowser has a page of another origin run the client.
func TestBrowser(t *testing.T) {
	allowed, stranger := newOrigin(t), newOrigin(t)
	service := harness.Start(t, harness.Env{"OFFLOAD_CORS_ALLOWED_ORIGINS": allowed.URL,
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_INSTALL": "2"})

	told := allowed.visit(t, service.Public)
	assert.Equal(t, http.StatusOK, told.Current.Status)
	assert.Equal(t, "install-of-a-browser", told.Current.Body["install_id"])
	assert.True(t, told.Kept)
	assert.NotEmpty(t, told.Current.header("X-Request-ID"))

	assert.Equal(t, http.StatusUnauthorized, told.Missing.Status, "errors can be read too")
	assert.Equal(t, "unauthorized", told.Missing.header("X-Error-Code"))
	assert.Equal(t, `Bearer realm="offload"`, told.Missing.header("WWW-Authenticate"))

	assert.Equal(t, http.StatusOK, told.Issued.Status)
	assert.Contains(t, told.Issued.header("RateLimit"), `"install_id";r=0;t=`)
	assert.Contains(t, told.Issued.header("RateLimit-Policy"), `"install_id";q=2;w=60`)
	assert.Equal(t, http.StatusTooManyRequests, told.Refused.Status)
	assert.NotEmpty(t, told.Refused.header("Retry-After"))

	assert.Equal(t, "TypeError", told.Verify.Blocked, "verify is for proxies alone")
	assert.Equal(t, "TypeError", told.Credentials.Blocked, "no cookies")

	told = stranger.visit(t, service.Public)
	for name, answer := range map[string]seen{"current": told.Current, "missing": told.Missing,
		"issued": told.Issued, "verify": told.Verify} {
		assert.Equal(t, "TypeError", answer.Blocked, name)
	}
	assert.False(t, told.Kept)
}
