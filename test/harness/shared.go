package harness

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The service gives the first probe of a shared storage one second, whatever its timeout, and a
// loaded machine may need longer. The service then begins with an outage, and the cause is that
// nothing came in time. These functions start it until that is not the case.

// StartSharing starts the binary with env, whose shared storage decides from the start on.
func StartSharing(t testing.TB, env Env) *Process {
	t.Helper()
	return startUntil(t, env, func(outages []Line) bool { return len(outages) == 0 })
}

// StartOut starts the binary with env, whose shared storage is out, and returns the cause too.
func StartOut(t testing.TB, env Env) (p *Process, cause string) {
	t.Helper()
	p = startUntil(t, env, func(outages []Line) bool {
		return len(outages) > 0 && !Late(outages[0].String("cause"))
	})
	return p, p.Log.Of("limiter_outage_started")[0].String("cause")
}

// Late reports whether a text says that a storage did not answer in time.
func Late(text string) bool {
	return strings.Contains(text, "no answer in time") || strings.Contains(text, "timed_out")
}

// startUntil starts the binary, again in place of the one before, until the outages with which it
// begins fit.
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
			"timed out starting a service whose storage answers in time: %v", outages)
	}
}
