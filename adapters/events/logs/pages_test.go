package logs_test

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/ports"
)

// refusedPage is the refused preflight of one of many pages.
func refusedPage(n int) ports.CORSRefused {
	return ports.CORSRefused{Page: [32]byte{byte(n), byte(n >> 8)}}
}

func TestLogsEachRefusedPageOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		recorder, out := newRecorder(slog.LevelInfo)
		ctx := ports.WithOrigin(t.Context(),
			ports.Origin{RequestID: "request-1", Route: "/v1/sessions/anonymous"})
		for range 100 {
			recorder.Record(ctx, refusedPage(1))
		}
		lines := read(t, out)
		require.Len(t, lines, 1)
		assert.Contains(t, lines[0]["remedy"], "OFFLOAD_CORS_ALLOWED_ORIGINS")
		delete(lines[0], "remedy")
		assert.Equal(t, line{"level": "INFO", "msg": "cors_refused", "request_id": "request-1",
			"path": "/v1/sessions/anonymous", "suppressed": 0.0}, lines[0])
		time.Sleep(time.Hour)
		recorder.Record(ctx, refusedPage(1))
		assert.Empty(t, read(t, out))
		allowed := refusedPage(2)
		allowed.Allowed = true
		recorder.Record(ctx, allowed)
		lines = read(t, out)
		require.Len(t, lines, 1)
		assert.Contains(t, lines[0]["remedy"], "method")
		recorder.Close()
		assert.Empty(t, read(t, out))
	})
}

func TestLogsTenRefusedPagesAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		recorder, out := newRecorder(slog.LevelInfo)
		const count = "suppressed"
		for n := range 30 {
			recorder.Record(t.Context(), refusedPage(n))
		}
		assert.Len(t, read(t, out), 10)
		time.Sleep(time.Minute - 1)
		synctest.Wait()
		assert.Empty(t, read(t, out))
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		assert.Equal(t, []line{{"level": "INFO", "msg": "cors_refused", count: 20.0}}, read(t, out))

		recorder.Record(t.Context(), refusedPage(29))
		assert.Len(t, read(t, out), 1, "a page whose line was left out is logged when there is room")
		for n := range 30 {
			recorder.Record(t.Context(), refusedPage(n))
		}
		assert.Len(t, read(t, out), 8, "the count and the page were two of ten")
		recorder.Close()
		assert.Equal(t, []line{{"level": "INFO", "msg": "cors_refused", count: 11.0}}, read(t, out))
	})
}

// TestForgetsTheOldestRefusedPage checks that a bounded number of pages is remembered.
func TestForgetsTheOldestRefusedPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		recorder, out := newRecorder(slog.LevelInfo)
		refuse := func(n int) int {
			recorder.Record(t.Context(), refusedPage(n))
			time.Sleep(time.Minute)
			return len(read(t, out))
		}
		const remembered = 1024
		for n := range remembered {
			assert.Equal(t, 1, refuse(n))
		}
		assert.Zero(t, refuse(0))
		assert.Equal(t, 1, refuse(remembered))
		assert.Zero(t, refuse(1), "the others are remembered")
		assert.Equal(t, 1, refuse(0), "the oldest was forgotten")
	})
}
