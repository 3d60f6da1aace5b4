package harness

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/bootstrap"
	"github.com/offload/sessiond/bootstrap/config"
	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/ports/portsfake"
)

// Noon is the default time of the clock.
var Noon = time.Date(2026, time.February, 16, 12, 0, 0, 0, time.UTC)

// InProcess is a service inside the test process, on real sockets, with a clock that the test
// moves.
type InProcess struct {
	Service
	Clock *portsfake.Clock
	app   interface{ Stop(context.Context) error }
}

// Serve starts the service with env and options. Its clock starts at Noon.
func Serve(t testing.TB, env Env, options ...bootstrap.Option) *InProcess {
	t.Helper()
	return ServeAt(t, Noon, env, options...)
}

// ServeAt is like Serve, with a clock that starts at now.
func ServeAt(t testing.TB, now time.Time, env Env, options ...bootstrap.Option) *InProcess {
	t.Helper()
	s := &InProcess{Service: newService(t), Clock: portsfake.NewClock(now)}
	options = append([]bootstrap.Option{
		bootstrap.Replace[ports.Clock](s.Clock),
		bootstrap.Replace(bootstrap.LogOutput{Writer: s.Log}),
	}, options...)
	app := bootstrap.New(review(t, now, env.toServe()), options...)
	ctx, cancel := context.WithTimeout(context.Background(), Timeout)
	defer cancel()
	require.NoError(t, app.Start(ctx))
	s.app = app
	t.Cleanup(func() { s.Stop(t) })
	s.listening(s.Log.Await(t, "service_started"))
	return s
}

// Stop stops the service, as SIGTERM stops a process. Further calls do nothing.
func (s *InProcess) Stop(t testing.TB) {
	t.Helper()
	if s.app == nil {
		return
	}
	app := s.app
	s.app = nil
	s.Close()
	ctx, cancel := context.WithTimeout(context.Background(), Timeout)
	defer cancel()
	require.NoError(t, app.Stop(ctx))
}

// review returns the configuration loaded from env at now, which must be valid.
func review(t testing.TB, now time.Time, env Env) config.Review {
	t.Helper()
	review := config.Load(config.Sources{Environ: env.list(), Random: random, Now: now,
		BuildVersion: "test"})
	require.Empty(t, review.Faults)
	return review
}

func random(n int) []byte {
	bytes := make([]byte, n)
	_, _ = rand.Read(bytes) // never fails
	return bytes
}
