package ops_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/http/ops"
	"github.com/offload/sessiond/adapters/http/server"
	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/ports/portsfake"
)

type silence struct{}

func (silence) Began()                                      {}
func (silence) Answered(string, string, int, time.Duration) {}

// parts is a ports.Readiness of these parts.
type parts []ports.Condition

func (p parts) Conditions() []ports.Condition { return p }

// get requests path and returns the status and the body. It fails if anything is logged at info
// level or above, because no response here is a failure of the service.
func get(t *testing.T, path string, conditions ...ports.Condition) (int, string) {
	t.Helper()
	o := &ops.Ops{
		Readiness: parts(conditions),
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("a_metric 1\n"))
		}),
	}
	recorder, log := httptest.NewRecorder(), &bytes.Buffer{}
	server.NewRouter(o.Routes(), portsfake.NewClock(time.Time{}), silence{},
		slog.New(slog.NewTextHandler(log, nil))).ServeHTTP(recorder,
		httptest.NewRequest("GET", path, nil))
	body, err := io.ReadAll(recorder.Result().Body)
	require.NoError(t, err)
	assert.Empty(t, log.String())
	return recorder.Code, string(body)
}

func TestReadyz(t *testing.T) {
	status, body := get(t, "/readyz", ports.Condition{Name: "keys", Ready: true},
		ports.Condition{Name: "limiter", Ready: true, Detail: "local"})
	assert.Equal(t, 200, status)
	assert.Equal(t, `{"status":"ready","checks":{"keys":{"status":"ready","detail":""},"limiter":{"status":"ready","detail":"local"}}}`, body)

	status, body = get(t, "/readyz", ports.Condition{Name: "service", Detail: "stopping"},
		ports.Condition{Name: "keys", Ready: true})
	assert.Equal(t, 503, status)
	assert.Equal(t, `{"status":"unready","checks":{"keys":{"status":"ready","detail":""},"service":{"status":"unready","detail":"stopping"}}}`, body)
}

func TestLivez(t *testing.T) {
	status, body := get(t, "/livez", ports.Condition{Name: "service", Detail: "stopping"})
	assert.Equal(t, 200, status)
	assert.Equal(t, `{"status":"ok"}`, body)
}

func TestMetrics(t *testing.T) {
	status, body := get(t, "/metrics")
	assert.Equal(t, 200, status)
	assert.Equal(t, "a_metric 1\n", body)
}

func TestServesNothingElse(t *testing.T) {
	status, _ := get(t, "/debug/pprof/")
	assert.Equal(t, 404, status)
}
