package console_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/http/console"
	"github.com/offload/sessiond/adapters/http/server"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/ports/portsfake"
)

var noon = time.Date(2026, time.February, 16, 12, 0, 0, 0, time.UTC)

type silence struct{}

func (silence) Began()                                      {}
func (silence) Answered(string, string, int, time.Duration) {}

// parts is a ports.Readiness with the given conditions.
type parts []ports.Condition

func (p *parts) Conditions() []ports.Condition { return *p }

// world is a console with parts that a test controls.
type world struct {
	clock     *portsfake.Clock
	events    *portsfake.Events
	keys      *portsfake.Keys
	readiness *parts
	recorder  *console.Recorder
	router    http.Handler
	// missing is how many lines of the log are missing, and forgot when the limiter forgot.
	missing int64
	forgot  throttle.Instant
}

// secretText is the material of the key; it must never appear.
const secretText = "m4terial-that-must-never-appear-anywhere"

func newWorld(t testing.TB, change ...func(*console.Parts)) *world {
	t.Helper()
	keyring, err := keys.NewKeyring(keys.NewHS256("v2-default", []byte(secretText), keys.Plan{}))
	require.NoError(t, err)
	w := &world{clock: portsfake.NewClock(noon), events: &portsfake.Events{},
		keys:      portsfake.NewKeys(keyring),
		readiness: &parts{{Name: "service", Ready: true}, {Name: "keys", Ready: true}}}
	w.recorder = console.NewRecorder(w.clock)
	p := console.Parts{
		Settings: console.Settings{Version: "1.2.3", Environment: "production",
			LimitOf: portsfake.SameLimit(32), Window: time.Minute, Storage: ports.StorageRedis,
			HostsVariable: "HOSTS", ProxiesVariable: "PROXIES", StorageVariable: "REDIS",
			SignerMissing: "create a key"},
		Clock: w.clock, Events: w.events, Recorder: w.recorder, Readiness: w.readiness,
		Keys: w.keys, Pseudonyms: throttle.NewPseudonyms([]byte("digest key")),
		LastForgotten:   func() throttle.Instant { return w.forgot },
		LogLinesMissing: func() int64 { return w.missing },
	}
	for _, f := range change {
		f(&p)
	}
	w.router = server.NewRouter(console.New(p).Routes(), w.clock, silence{},
		slog.New(slog.DiscardHandler))
	return w
}

// put puts keys in force.
func (w *world) put(t testing.TB, all ...keys.Key) {
	t.Helper()
	keyring, err := keys.NewKeyring(all...)
	require.NoError(t, err)
	w.keys.Put(keyring)
}

func (w *world) record(times int, event ports.Event) {
	for range times {
		w.recorder.Record(context.Background(), event)
	}
}

// send sends a request to the console.
func (w *world) send(method, target, host string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(method, target, nil)
	request.Host = host
	response := httptest.NewRecorder()
	w.router.ServeHTTP(response, request)
	return response
}

// page returns the page as it is at least a second later, when no earlier one is still shared.
func (w *world) page(t testing.TB) string {
	t.Helper()
	w.clock.Advance(time.Second)
	response := w.send("GET", console.Path, "127.0.0.1:9090")
	require.Equal(t, http.StatusOK, response.Code)
	return response.Body.String()
}
