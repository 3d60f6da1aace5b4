package api_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/adapters/http/server"
	"github.com/offload/sessiond/adapters/system/clock"
)

// TestShedRequestsHaveTheHeadersOfCORS checks that a script can read the 503 of a request that got
// no slot, on each route that pages may use, and that a preflight needs no slot.
func TestShedRequestsHaveTheHeadersOfCORS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newTestAPI()
		d.api.Origins = []string{page}
		begun, end := make(chan struct{}), make(chan struct{})
		d.publication.PublicSetFunc = func() string {
			close(begun)
			<-end
			return publicSet
		}
		clock := clock.New()
		router := server.NewRouter(d.api.Routes(), clock, silence{},
			slog.New(slog.DiscardHandler)).Within(server.NewBudgets(1, clock, d.api.Events))
		do := func(method, path, body string, headers ...string) *http.Response {
			r := httptest.NewRequest(method, path, strings.NewReader(body))
			r.Header.Set("Origin", page)
			for n := 0; n < len(headers); n += 2 {
				r.Header.Set(headers[n], headers[n+1])
			}
			response := httptest.NewRecorder()
			router.ServeHTTP(response, r)
			return response.Result()
		}
		var first sync.WaitGroup
		first.Go(func() { assert.Equal(t, 200, do("GET", jwksPath, "").StatusCode) })
		<-begun
		for _, one := range []struct{ method, path, body, allowed string }{
			{"POST", issuePath, goodBody, page},
			{"GET", "/v1/sessions/current", "", page},
			{"GET", jwksPath, "", "*"},
			{"GET", "/openapi.json", "", "*"},
		} {
			response := do(one.method, one.path, one.body, "Content-Type", "application/json")
			assert.Equal(t, 503, response.StatusCode, one.path)
			assert.Equal(t, "1", response.Header.Get("Retry-After"), one.path)
			assert.Equal(t, one.allowed, response.Header.Get("Access-Control-Allow-Origin"), one.path)
		}
		preflight := do("OPTIONS", issuePath, "", "Access-Control-Request-Method", "POST")
		assert.Equal(t, 204, preflight.StatusCode)
		close(end)
		first.Wait()
	})
}
