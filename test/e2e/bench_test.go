package e2e_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
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
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/domain/token"
	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/test/harness"
)

// crowd is the number of installations that send requests in turn, each from its own address. It is
// a power of two.
const crowd = 1 << 14

var (
	benchSettings = session.Settings{Issuer: "offload-backend", Audience: "offload-ios",
		Lifetime: time.Hour, ClockSkew: 2 * time.Second, RenewalGrace: 168 * time.Hour}
	benchKey = keys.NewHS256("v2-default", []byte(strong), keys.Plan{})
)

// wholeHandler returns the complete handler of the service with its real adapters, and limits that
// refuse no request here.
func wholeHandler(b testing.TB) http.Handler {
	b.Helper()
	const limit = 10_000
	keyring, err := keys.NewKeyring(benchKey)
	require.NoError(b, err)
	storage, err := memory.New(1_000_000, limit)
	require.NoError(b, err)
	clock, events := clock.New(), metrics.New("bench")
	service := &api.API{
		Issuance: issue.New(issue.Parts{
			Keys: keySource{keyring}, Limiter: events.Limiter(ports.StorageMemory, storage, storage, clock),
			Clock: clock, Entropy: entropy.Source{},
			Events: events, Settings: benchSettings,
			Digester: throttle.NewDigester([]byte(stronger)),
			Limits: issue.Limits{PerAddress: limit, PerInstall: limit, Window: time.Minute,
				Mode: ports.Enforce, IPv6Prefix: 64},
		}),
		Authentication: authenticate.New(keySource{keyring}, clock, events, benchSettings),
		Header:         clientaddr.XForwardedForHeader,
	}
	logger := slog.New(slog.NewJSONHandler(io.Discard, nil))
	return server.NewRouter(service.Routes(), clock, events, logger)
}

// benchmark serves the requests that next returns, serially and on all cores.
func benchmark(b *testing.B, handler http.Handler, next func(n int) *http.Request) {
	b.Helper()
	var made atomic.Int64
	serve := func() {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, next(int(made.Add(1))&(crowd-1)))
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

func BenchmarkIssueRequest(b *testing.B) {
	bodies, peers := make([]string, crowd), make([]string, crowd)
	for n := range crowd {
		bodies[n], peers[n] = harness.IssueBody(numbered(n)),
			fmt.Sprintf("10.0.%d.%d:50000", n>>8, n&0xff)
	}
	template := httptest.NewRequest(http.MethodPost, harness.IssuePath, nil)
	template.Header.Set("Content-Type", "application/json")
	benchmark(b, wholeHandler(b), func(n int) *http.Request {
		r := *template
		r.RemoteAddr = peers[n]
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(bodies[n])), int64(len(bodies[n]))
		return &r
	})
}

func BenchmarkCurrentRequest(b *testing.B) {
	headers := make([]http.Header, crowd)
	for n := range crowd {
		id, _ := session.ParseInstallID(numbered(n))
		claims := benchSettings.Claims(id, benchKey.ID(), time.Now())
		headers[n] = http.Header{"Authorization": {"Bearer " + token.Sign(claims, benchKey)}}
	}
	template := httptest.NewRequest(http.MethodGet, "/v1/sessions/current", nil)
	benchmark(b, wholeHandler(b), func(n int) *http.Request {
		r := *template
		r.Header = headers[n]
		return &r
	})
}
