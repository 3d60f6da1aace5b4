package harness

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/events/metrics"
	"github.com/offload/sessiond/adapters/http/api"
	"github.com/offload/sessiond/adapters/http/server"
	"github.com/offload/sessiond/adapters/limiter/memory"
	"github.com/offload/sessiond/adapters/system/clock"
	"github.com/offload/sessiond/adapters/system/entropy"
	"github.com/offload/sessiond/app/authenticate"
	"github.com/offload/sessiond/app/issue"
	"github.com/offload/sessiond/domain/clientaddr"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/proof"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/ports/portsfake"
)

// Handler returns the complete handler of the service with its real adapters and the wall clock,
// without a listener, and with limits that refuse no request of a benchmark or a fuzz test.
func Handler(t testing.TB) http.Handler {
	t.Helper()
	const limit = 10_000
	settings := session.Settings{Issuer: "offload-backend", Audience: "offload-ios",
		Lifetime: time.Hour, ClockSkew: 2 * time.Second, RenewalGrace: 168 * time.Hour}
	keyring, err := keys.NewKeyring(keys.NewHS256("v2-default", []byte(StrongSecret), keys.Plan{}))
	require.NoError(t, err)
	storage, err := memory.New(1_000_000, portsfake.SameLimit(limit))
	require.NoError(t, err)
	clock, events := clock.New(), metrics.New("bench")
	service := &api.API{
		Issuance: issue.New(issue.Parts{
			Keys:    fixedKeys{keyring},
			Limiter: events.Limiter(ports.StorageMemory, storage, storage, clock),
			Clock:   clock, Entropy: entropy.Source{},
			Events: events, Settings: settings,
			Digester: throttle.NewDigester([]byte(OtherSecret)),
			Limits: issue.Limits{PerAddress: limit, PerNetwork: limit, PerInstall: limit,
				RenewalsPerInstall: limit, RenewalsPerAddress: limit, Window: time.Minute,
				Mode: ports.Enforce, IPv6Prefix: 64},
		}),
		Authentication: authenticate.New(fixedKeys{keyring}, clock, events, settings,
			proof.Nonces{}),
		Header: clientaddr.XForwardedForHeader,
	}
	logger := slog.New(slog.NewJSONHandler(io.Discard, nil))
	return server.NewRouter(service.Routes(), clock, events, logger)
}

// fixedKeys is a ports.KeySource without the lock of a fake, which a benchmark would measure.
type fixedKeys struct{ keyring *keys.Keyring }

func (k fixedKeys) Keyring() *keys.Keyring { return k.keyring }

// Benchmark serves requests serially and on all cores. It calls request with increasing numbers;
// the response to each request must be 200.
func Benchmark(b *testing.B, handler http.Handler, request func(n int) *http.Request) {
	b.Helper()
	var made atomic.Int64
	serve := func() {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request(int(made.Add(1))))
		if answer.Code != http.StatusOK {
			b.Errorf("status %d: %s", answer.Code, answer.Body)
		}
	}
	b.Run("serial", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			serve()
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				serve()
			}
		})
	})
}
