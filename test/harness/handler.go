package harness

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/events/logs"
	"github.com/offload/sessiond/adapters/events/metrics"
	"github.com/offload/sessiond/adapters/http/api"
	"github.com/offload/sessiond/adapters/http/console"
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

// HandlerLimit is the limit of each dimension under Handler.
const HandlerLimit = 10_000

// Handler returns the complete handler of the service with its real adapters and the wall clock,
// without a listener, and with limits that refuse no request of a fuzz test.
func Handler(t testing.TB) http.Handler {
	t.Helper()
	settings := session.Settings{Issuer: "offload-backend", Audience: "offload-ios",
		Lifetime: time.Hour, ClockSkew: 2 * time.Second, RenewalGrace: 168 * time.Hour}
	keyring, err := keys.NewKeyring(keys.NewHS256("v2-default", []byte(StrongSecret), keys.Plan{}))
	require.NoError(t, err)
	storage, err := memory.New(1_000_000, portsfake.SameLimit(HandlerLimit))
	require.NoError(t, err)
	clock, metrics := clock.New(), metrics.New("bench")
	limited := logs.NewLimited(logs.NewHandler(io.Discard, ports.LogInfo, ports.LogJSON), clock)
	t.Cleanup(limited.Close)
	logger, shown := slog.New(limited), console.NewRecorder(clock)
	written := logs.New(logger, clock, throttle.NewPseudonyms([]byte(OtherSecret)),
		logs.Variables{}, logs.Remedies{})
	t.Cleanup(written.Close)
	events := recorders{metrics, shown, written}
	service := &api.API{
		Issuance: issue.New(issue.Parts{
			Keys:    fixedKeys{keyring},
			Limiter: metrics.Limiter(ports.StorageMemory, storage, storage, clock),
			Clock:   clock, Entropy: entropy.Source{},
			Events: events, Settings: settings,
			Digester: throttle.NewDigester([]byte(OtherSecret)),
			Limits: issue.Limits{
				PerAddress: HandlerLimit, PerNetwork: HandlerLimit, PerInstall: HandlerLimit,
				RenewalsPerInstall: HandlerLimit, RenewalsPerAddress: HandlerLimit,
				Window: time.Minute, Mode: ports.Enforce, IPv6Prefix: 64,
			},
		}),
		Authentication: authenticate.New(fixedKeys{keyring}, clock, events, settings,
			proof.Nonces{}),
		Events:  events,
		Trusted: clientaddr.NewTrusted(netip.MustParsePrefix("127.0.0.1/32")),
		Header:  clientaddr.XForwardedForHeader,
	}
	const slots = 128
	return server.NewRouter(service.Routes(), clock, traffic{metrics, shown}, logger).
		Within(server.NewBudgets(slots, clock, events))
}

// recorders passes each event to several recorders, as bootstrap does.
type recorders []ports.Events

// Record implements ports.Events.
func (r recorders) Record(ctx context.Context, event ports.Event) {
	for _, recorder := range r {
		recorder.Record(ctx, event)
	}
}

// traffic counts requests for Prometheus and for the console, as bootstrap does.
type traffic struct {
	*metrics.Metrics
	console *console.Recorder
}

// Answered implements server.Traffic.
func (t traffic) Answered(route, method string, status int, took time.Duration) {
	t.Metrics.Answered(route, method, status, took)
	t.console.Answered(status)
}

// fixedKeys is a ports.KeySource without the lock of a fake, which a benchmark would measure.
type fixedKeys struct{ keyring *keys.Keyring }

func (k fixedKeys) Keyring() *keys.Keyring { return k.keyring }
