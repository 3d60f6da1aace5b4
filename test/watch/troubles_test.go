package watch

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/freeport"
)

// addRestarting adds a replica that is killed and started again each second.
func (f *fleet) addRestarting(t *testing.T) {
	address := freeport.Address(t, "127.0.0.1")
	env := harness.Env{"OFFLOAD_OPS_ADDR": address}
	service := harness.Start(t, env)
	f.targets["restarting"] = address
	since := time.Now()
	f.trouble(nothing, func(t *testing.T) {
		if time.Since(since) < time.Second {
			return
		}
		service.Kill()
		service.Wait(t)
		service = harness.Start(t, env)
		since = time.Now()
	}, nothing)
}

// addTraced adds a replica whose collector of traces refuses.
func (f *fleet) addTraced(t *testing.T) {
	var refuses atomic.Bool
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if refuses.Load() {
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	t.Cleanup(collector.Close)
	service := harness.Start(t, harness.Env{"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL,
		"OTEL_BSP_SCHEDULE_DELAY": "100"})
	f.targets["traced"] = service.Ops
	f.clients = append(f.clients, func(t *testing.T) {
		assert.Equal(t, http.StatusOK, service.Send(t, "GET", "/v1/health", "").Status)
	})
	f.trouble(func(*testing.T) { refuses.Store(true) }, nil,
		func(*testing.T) { refuses.Store(false) })
}
