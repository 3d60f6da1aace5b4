package logs_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/adapters/events/logs"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports/portsfake"
)

// TestCountWaitsForAFreeLine has a timer fire while the second is full. The count must then wait,
// because ten lines are the maximum.
func TestCountWaitsForAFreeLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := portsfake.NewClock(time.Time{})
		out := &output{}
		recorder := logs.New(slog.New(slog.NewJSONHandler(out, nil)), clock,
			throttle.NewPseudonyms([]byte("digest key")), logs.Variables{})
		for range 15 {
			recorder.Record(context.Background(), throttled)
		}
		assert.Len(t, read(t, out), 10)
		time.Sleep(10 * time.Second) // timers fire, but the recorder's clock stands still
		synctest.Wait()
		assert.Empty(t, read(t, out))
		clock.Advance(time.Second)
		time.Sleep(time.Second)
		synctest.Wait()
		assert.Equal(t, []line{{"level": "WARN", "msg": "session_issuance_throttled",
			"suppressed": 5.0}}, read(t, out))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		assert.Empty(t, read(t, out))
	})
}
