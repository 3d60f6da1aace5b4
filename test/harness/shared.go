package harness

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The service gives the first probe of a shared storage one second, whatever its timeout. A loaded
// machine may need longer: the service then begins with an outage whose cause is a late answer.
// These functions start it again until it does not.

// StartSharing starts the binary with env. The shared storage decides from the start.
func StartSharing(t testing.TB, env Env) *Process {
	t.Helper()
	return startUntil(t, env, func(outages []Line) bool { return len(outages) == 0 })
}

// StartOut starts the binary with env, whose shared storage is out. It also returns the cause that
// the service logged.
func StartOut(t testing.TB, env Env) (p *Process, cause string) {
	t.Helper()
	p = startUntil(t, env, func(outages []Line) bool {
		return len(outages) > 0 && !Late(outages[0].String("cause"))
	})
	return p, p.Log.Of("limiter_outage_started")[0].String("cause")
}

// Late reports whether the text of a log or a command says that a storage did not answer in time.
func Late(text string) bool {
	return strings.Contains(text, "no answer in time") || strings.Contains(text, "timed_out")
}

// startUntil starts the binary, and starts it again until fits accepts the outages that it logged
// at its start.
func startUntil(t testing.TB, env Env, fits func(outages []Line) bool) *Process {
	t.Helper()
	for deadline := time.Now().Add(Timeout); ; {
		p := Start(t, env)
		outages := p.Log.Of("limiter_outage_started")
		if fits(outages) {
			return p
		}
		p.Kill()
		require.True(t, time.Now().Before(deadline),
			"timed out waiting for a start without a late answer of the storage: %v", outages)
	}
}
