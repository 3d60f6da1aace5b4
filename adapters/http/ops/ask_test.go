package ops_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/http/ops"
)

func TestURL(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1:9090":    "http://127.0.0.1:9090/livez",
		"[2001:db8::1]:90":  "http://[2001:db8::1]:90/livez",
		"ops.internal:9090": "http://ops.internal:9090/livez",
		":9090":             "http://127.0.0.1:9090/livez",
		"0.0.0.0:9090":      "http://127.0.0.1:9090/livez",
		"[::]:9090":         "http://[::1]:9090/livez",
	} {
		assert.Equal(t, want, ops.URL(address, ops.PathLive), address)
	}
}

func TestAsk(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		want   ops.Answer
	}{
		"alive": {200, `{"status":"ok"}`, ops.Answer{Status: 200}},
		"ready": {200, `{"status":"ready","checks":{"keys":{"status":"ready"}}}`,
			ops.Answer{Status: 200}},
		"two checks fail": {503, `{"status":"unready","checks":{"keys":{"status":"unready"},` +
			`"a":{"status":"unready"},"b":{"status":"ready"}}}`,
			ops.Answer{Status: 503, Failing: []string{"a", "keys"}}},
		"another server": {404, `<html>`, ops.Answer{Status: 404}},
		"a redirect":     {302, ``, ops.Answer{Status: 302}},
		"a list":         {200, `[]`, ops.Answer{Status: 200}},
		"no body":        {204, ``, ops.Answer{Status: 204}},
	} {
		t.Run(name, func(t *testing.T) {
			// A proxy of the environment must not be asked.
			t.Setenv("HTTP_PROXY", "http://192.0.2.1:1")
			server := httptest.NewServer(http.HandlerFunc(
				func(w http.ResponseWriter, r *http.Request) {
					assert.Equal(t, "/readyz", r.URL.Path)
					w.Header().Set("Location", "/elsewhere")
					w.WriteHeader(c.status)
					_, _ = io.WriteString(w, c.body)
				}))
			defer server.Close()
			answer, err := ops.Ask(t.Context(), server.URL+ops.PathReady)
			require.NoError(t, err)
			assert.Equal(t, c.want, answer)
		})
	}
}

func TestAskEndsWithItsContext(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(
		func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := ops.Ask(ctx, server.URL)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
}
