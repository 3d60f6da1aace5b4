package logs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/events/logs"
	"github.com/offload/sessiond/adapters/system/clock"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/proof"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/domain/token"
	"github.com/offload/sessiond/ports"
)

// line is the JSON object of a log line, without its time.
type line map[string]any

// output is a buffer that is safe for concurrent use.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(line []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(line)
}

// read returns the lines written since the last call.
func read(t *testing.T, out *output) []line {
	t.Helper()
	out.mu.Lock()
	defer out.mu.Unlock()
	var lines []line
	for text := range bytes.Lines(out.text.Bytes()) {
		var l line
		require.NoError(t, json.Unmarshal(text, &l))
		delete(l, "time")
		lines = append(lines, l)
	}
	out.text.Reset()
	return lines
}

// newRecorder returns a recorder and its output.
func newRecorder(level slog.Level) (*logs.Recorder, *output) {
	out := &output{}
	clock := clock.New()
	logger := slog.New(logs.NewLimited(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level}),
		clock))
	return logs.New(logger, clock, throttle.NewPseudonyms([]byte("digest key")),
		logs.Variables{TrustedProxies: "OFFLOAD_TRUSTED_PROXIES",
			SharedStorage: "OFFLOAD_REDIS_URL", Origins: "OFFLOAD_CORS_ALLOWED_ORIGINS",
			OpsHosts: "OFFLOAD_OPS_HOSTS"},
		logs.Remedies{SignerMissing: "create a key", KeysEndEarly: "extend them"}), out
}

var throttled = ports.IssuanceThrottled{
	Dimension: throttle.ByAddress, Mode: ports.Enforce, RetryAfterSeconds: 7,
	Install: throttle.Subject{1, 2, 3},
}

func TestWritesARefusalAsOneLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		recorder, out := newRecorder(slog.LevelInfo)
		ctx := ports.WithOrigin(context.Background(),
			ports.Origin{RequestID: "request-1", Route: "/v1/sessions/anonymous"})
		recorder.Record(ctx, throttled)
		assert.Equal(t, []line{{
			"level": "WARN", "msg": "session_issuance_throttled",
			"request_id": "request-1", "path": "/v1/sessions/anonymous", "dimension": "ip",
			"mode":                "enforce",
			"retry_after_seconds": 7.0, "suppressed": 0.0,
			"install_id_hash": throttle.NewPseudonyms([]byte("digest key")).Of(throttle.Subject{1,
				2, 3}),
		}}, read(t, out))
	})
}

// TestRefusalsThatAreNotWrittenAreCounted checks that refusals without a line are counted, and that
// they allocate nothing.
func TestRefusalsThatAreNotWrittenAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		recorder, out := newRecorder(slog.LevelInfo)
		var event ports.Event = throttled
		for range 30 {
			recorder.Record(context.Background(), event)
		}
		assert.Len(t, read(t, out), 10)
		assert.Zero(t, testing.AllocsPerRun(99, func() {
			recorder.Record(context.Background(), event)
		}))
		time.Sleep(time.Second)
		synctest.Wait()
		assert.Equal(t, []line{counted("session_issuance_throttled", 120)}, read(t, out))
	})
}

// TestRefusalsBelowTheLevelAreNotCounted checks that no count is written if the configured level is
// above that of refusals.
func TestRefusalsBelowTheLevelAreNotCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		recorder, out := newRecorder(slog.LevelError)
		for range 30 {
			recorder.Record(context.Background(), throttled)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Empty(t, read(t, out))
	})
}

func TestWritesARefusedConnection(t *testing.T) {
	recorder, out := newRecorder(slog.LevelInfo)
	recorder.Record(t.Context(),
		ports.ConnectionRefused{Budget: ports.BudgetConnectionsPerAddress})
	assert.Equal(t, []line{{"level": "WARN", "msg": "connections_refused",
		"budget": "connections_per_address", "suppressed": 0.0}}, read(t, out))
}

// TestLimitsShedRequests checks that each bound is named, and that a flood of one event leaves the
// lines of another alone.
func TestLimitsShedRequests(t *testing.T) {
	budgets := []ports.Budget{ports.BudgetRequests, ports.BudgetWaiting, ports.BudgetUnread}
	recorder, out := newRecorder(slog.LevelInfo)
	for _, budget := range budgets {
		recorder.Record(t.Context(), ports.RequestsShed{Budget: budget})
		assert.Equal(t, []line{{"level": "WARN", "msg": "requests_shed",
			"budget": string(budget), "suppressed": 0.0}}, read(t, out))
	}
	for range 1000 {
		recorder.Record(t.Context(), ports.RequestsShed{Budget: ports.BudgetUnread})
	}
	assert.Len(t, read(t, out), 10-len(budgets))
	recorder.Record(t.Context(), throttled)
	assert.Len(t, read(t, out), 1)
}

func TestWritesARefusedHost(t *testing.T) {
	recorder, out := newRecorder(slog.LevelInfo)
	ctx := ports.WithOrigin(t.Context(), ports.Origin{RequestID: "request-1"})
	for range 100 {
		recorder.Record(ctx, ports.ConsoleRefused{})
	}
	lines := read(t, out)
	require.Len(t, lines, 10)
	assert.Equal(t, "console_refused", lines[0]["msg"])
	assert.Equal(t, "OFFLOAD_OPS_HOSTS", lines[0]["variable"])
	assert.Contains(t, lines[0]["remedy"], "OFFLOAD_OPS_HOSTS")
}

func TestWarnsOnceOfAForgottenProxy(t *testing.T) {
	recorder, out := newRecorder(slog.LevelInfo)
	for range 3 {
		recorder.Record(context.Background(), ports.ForwardedByStranger{})
	}
	lines := read(t, out)
	require.Len(t, lines, 1)
	assert.Equal(t, "WARN", lines[0]["level"])
	assert.Equal(t, "forwarded_by_stranger", lines[0]["msg"])
	assert.Contains(t, lines[0]["remedy"], "OFFLOAD_TRUSTED_PROXIES")
}

func TestWritesRejectedProofsAtDebug(t *testing.T) {
	ctx := ports.WithOrigin(context.Background(), ports.Origin{RequestID: "request-1"})
	recorder, out := newRecorder(slog.LevelDebug)
	recorder.Record(ctx, ports.ProofJudged{Reason: proof.ReasonReplayed})
	recorder.Record(ctx, ports.ProofJudged{})
	assert.Equal(t, []line{{"level": "DEBUG", "msg": "proof_rejected", "request_id": "request-1",
		"reason": "replayed"}}, read(t, out))

	recorder, out = newRecorder(slog.LevelInfo)
	recorder.Record(ctx, ports.ProofJudged{Reason: proof.ReasonReplayed})
	assert.Empty(t, read(t, out))
}

func TestWritesRejectedTokensAtDebug(t *testing.T) {
	ctx := ports.WithOrigin(context.Background(), ports.Origin{RequestID: "request-1"})
	recorder, out := newRecorder(slog.LevelDebug)
	recorder.Record(ctx, ports.TokenVerified{Reason: token.ReasonSignature})
	recorder.Record(ctx, ports.TokenVerified{})
	recorder.Record(ctx, ports.SessionIssued{})
	assert.Equal(t, []line{{"level": "DEBUG", "msg": "token_rejected", "request_id": "request-1",
		"reason": "signature"}}, read(t, out))

	recorder, out = newRecorder(slog.LevelInfo)
	recorder.Record(ctx, ports.TokenVerified{Reason: token.ReasonSignature})
	assert.Empty(t, read(t, out))
}

func TestWritesKeysetEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		keyring, err := keys.NewKeyring(
			keys.NewHS256("old", []byte("material-1"), keys.Plan{SignFrom: now.Add(-time.Hour)}),
			keys.NewHS256("new", []byte("material-2"), keys.Plan{SignFrom: now.Add(time.Hour)}))
		require.NoError(t, err)
		recorder, out := newRecorder(slog.LevelInfo)
		recorder.Record(t.Context(), ports.Reloaded{Content: ports.KeysContent{Keyring: keyring}})
		assert.Equal(t, []line{{
			"level": "INFO", "msg": "keys_reloaded",
			"keys": map[string]any{"old": "signing", "new": "pending"},
		}}, read(t, out))
		recorder.Record(t.Context(), ports.ReloadFailed{Material: ports.MaterialKeys,
			File: "/etc/keyset.json", Cause: errors.New("what is wrong"), Remedy: "repair it"})
		recorder.Record(t.Context(), ports.WatchFailed{Material: ports.MaterialKeys,
			Cause: errors.New("no watch")})
		recorder.Record(t.Context(), ports.SignerMissing{})
		recorder.Record(t.Context(), ports.SignerMissing{Until: now.Add(time.Minute).UTC()})
		recorder.Record(t.Context(), ports.KeysEndEarly{Keys: []keys.EarlyEnd{{ID: "old",
			VerifyUntil: now.UTC(), UsefulUntil: now.Add(time.Hour).UTC()}}})
		recorder.Record(t.Context(), ports.SignerFound{})
		assert.Equal(t, []line{
			{"level": "ERROR", "msg": "keys_reload_failed", "cause": "what is wrong",
				"file": "/etc/keyset.json", "remedy": "repair it"},
			{"level": "WARN", "msg": "keys_watch_failed", "cause": "no watch"},
			{"level": "ERROR", "msg": "keys_signer_missing", "remedy": "create a key"},
			{"level": "ERROR", "msg": "keys_signer_missing", "remedy": "create a key",
				"next": "2000-01-01T00:01:00Z"},
			{"level": "WARN", "msg": "keys_end_early", "remedy": "extend them",
				"keys": map[string]any{"old": map[string]any{
					"verify_until": "2000-01-01T00:00:00Z", "useful_until": "2000-01-01T01:00:00Z"}}},
			{"level": "INFO", "msg": "keys_signer_found"},
		}, read(t, out))
	})
}

func TestWritesCertificateEvents(t *testing.T) {
	recorder, out := newRecorder(slog.LevelInfo)
	recorder.Record(t.Context(), ports.Reloaded{Content: ports.TLSContent{
		Names: []string{"localhost"}, Ends: time.Date(2026, 2, 16, 12, 0, 0, 0, time.UTC)}})
	recorder.Record(t.Context(), ports.ReloadFailed{Material: ports.MaterialTLS,
		Cause: errors.New("what is wrong")})
	recorder.Record(t.Context(), ports.WatchFailed{Material: ports.MaterialTLS,
		Cause: errors.New("no watch")})
	assert.Equal(t, []line{
		{"level": "INFO", "msg": "tls_reloaded", "names": []any{"localhost"},
			"ends": "2026-02-16T12:00:00Z"},
		{"level": "ERROR", "msg": "tls_reload_failed", "cause": "what is wrong"},
		{"level": "WARN", "msg": "tls_watch_failed", "cause": "no watch"},
	}, read(t, out))
}

func TestWritesEventsOfTLSWithRedis(t *testing.T) {
	recorder, out := newRecorder(slog.LevelInfo)
	recorder.Record(t.Context(), ports.ReloadFailed{Material: ports.MaterialRedisTLS,
		Cause: errors.New("what is wrong")})
	recorder.Record(t.Context(), ports.Reloaded{Content: ports.RedisTLSContent{}})
	recorder.Record(t.Context(), ports.Reloaded{Content: ports.RedisTLSContent{
		Ends: time.Date(2026, 2, 16, 12, 0, 0, 0, time.UTC)}})
	assert.Equal(t, []line{
		{"level": "ERROR", "msg": "redis_tls_reload_failed", "cause": "what is wrong"},
		{"level": "INFO", "msg": "redis_tls_reloaded"},
		{"level": "INFO", "msg": "redis_tls_reloaded", "ends": "2026-02-16T12:00:00Z"},
	}, read(t, out))
}

func TestWritesStartAndEndOfAnOutage(t *testing.T) {
	recorder, out := newRecorder(slog.LevelInfo)
	recorder.Record(t.Context(), ports.LimiterOutageStarted{Policy: ports.OutageDeny,
		Cause: errors.New("what is wrong")})
	recorder.Record(t.Context(), ports.LimiterOutageDecision{Policy: ports.OutageDeny})
	recorder.Record(t.Context(), ports.LimiterOutageEnded{Policy: ports.OutageDeny})
	assert.Equal(t, []line{
		{"level": "ERROR", "msg": "limiter_outage_started", "policy": "deny",
			"cause": "what is wrong"},
		{"level": "INFO", "msg": "limiter_outage_ended", "policy": "deny"},
	}, read(t, out))
}

func TestMisconfiguredLimiterIsAConfigurationWarning(t *testing.T) {
	recorder, out := newRecorder(slog.LevelInfo)
	recorder.Record(t.Context(), ports.LimiterMisconfigured{Problem: "evicts"})
	lines := read(t, out)
	require.Len(t, lines, 1)
	assert.Equal(t, line{"level": "WARN", "msg": "configuration_warning",
		"variable": "OFFLOAD_REDIS_URL", "problem": "evicts"}, lines[0])
}
