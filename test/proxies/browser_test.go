//go:build languages

package proxies_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/browser"
)

// pageAnswer is what a page could see of one answer.
type pageAnswer struct {
	Status  int
	Body    string
	Headers map[string]string
	// Blocked is the name of the error if the browser hid the answer from the page.
	Blocked string
}

// pageReport is what testdata/page.js reports about one proxy.
type pageReport struct {
	Issued, Admitted, Posted, Refused, Invalid, Forbidden pageAnswer
}

// TestBrowserBehindProxies has a page of another origin use the application behind each example.
func TestBrowserBehindProxies(t *testing.T) {
	sites, reports := map[string]string{}, make(chan map[string]pageReport, 1)
	script, err := os.ReadFile("testdata/page.js")
	require.NoError(t, err)
	mux := http.NewServeMux()
	page := httptest.NewServer(mux)
	defer page.Close()
	mux.HandleFunc("GET /page", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprintf(w, `<!doctype html><link rel="icon" href="data:,">`+
			`<script type="module">%s</script>`, script)
	})
	mux.HandleFunc("GET /sites", func(w http.ResponseWriter, _ *http.Request) {
		assert.NoError(t, json.NewEncoder(w).Encode(sites))
	})
	mux.HandleFunc("POST /report", func(_ http.ResponseWriter, r *http.Request) {
		var received map[string]pageReport
		if assert.NoError(t, json.NewDecoder(r.Body).Decode(&received)) {
			reports <- received
		}
	})
	for _, p := range products {
		service := harness.Serve(t, harness.Env{"OFFLOAD_TRUSTED_PROXIES": "127.0.0.1",
			"OFFLOAD_CORS_ALLOWED_ORIGINS": page.URL})
		application := httptest.NewServer(sharing(page.URL))
		t.Cleanup(application.Close)
		sites[p.name] = "http://" + p.start(t, service.Public,
			application.Listener.Addr().String()).Addr
	}

	browser.Open(t, page.URL+"/page")
	received := harness.Receive(t, "the page has sent its report", reports)
	for _, p := range products {
		got := received[p.name]
		assert.Equal(t, http.StatusOK, got.Issued.Status, "%s: %v", p.name, got.Issued)
		assert.Equal(t, http.StatusOK, got.Admitted.Status, "%s: %v", p.name, got.Admitted)
		assert.Equal(t, "DELETE for install-of-a-page", got.Admitted.Body, p.name)
		assert.Equal(t, "POST for install-of-a-page: a body", got.Posted.Body, p.name)
		for code, answer := range map[string]pageAnswer{"unauthorized": got.Refused,
			"invalid_token": got.Invalid} {
			assert.Equal(t, http.StatusUnauthorized, answer.Status, "%s: %v", p.name, answer)
			assert.Equal(t, code, answer.Headers["X-Error-Code"], p.name)
			assert.Equal(t, refusals[code].authenticate, answer.Headers["WWW-Authenticate"], p.name)
			assert.Contains(t, answer.Body, answer.Headers["X-Request-ID"], p.name)
		}
		assert.Equal(t, "TypeError", got.Forbidden.Blocked,
			"%s: the application decides which pages may use it", p.name)
	}
}

// sharing is an application that pages of an origin may use, except below /closed/.
func sharing(origin string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/closed/") {
			return
		}
		w.Header().Set("Access-Control-Allow-Origin", origin)
		if r.Method == http.MethodOptions {
			w.Header().Set("Access-Control-Allow-Methods", "DELETE, PUT")
			w.Header().Set("Access-Control-Allow-Headers",
				r.Header.Get("Access-Control-Request-Headers"))
			return
		}
		body, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s for %s", r.Method, r.Header.Get("X-Session-Install-Id"))
		if len(body) > 0 {
			_, _ = fmt.Fprintf(w, ": %s", body)
		}
	})
}
