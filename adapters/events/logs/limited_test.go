package logs_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/adapters/events/logs"
	"github.com/offload/sessiond/adapters/system/clock"
	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/ports/portsfake"
)

// limited is a logger whose lines are limited, with its handler and output.
type limited struct {
	*slog.Logger
	handler *logs.Limited
	out     *output
}

func newLimited(clock ports.Clock) limited {
	out := &output{}
	handler := logs.NewLimited(slog.NewJSONHandler(out,
		&slog.HandlerOptions{Level: slog.LevelDebug}), clock)
	return limited{slog.New(handler), handler, out}
}

// flood logs count lines of an event at level warn.
func (l limited) flood(event string, count int) {
	for range count {
		l.Warn(event)
	}
}

// counted returns a line that holds only a count.
func counted(event string, suppressed int) line {
	return line{"level": "WARN", "msg": event, "suppressed": float64(suppressed)}
}

func TestLimitsEachEventToTenLinesASecond(t *testing.T) {
	// The names are those of the contract; an event that is not known is limited too.
	for _, event := range []string{"session_issuance_throttled", "http_request", "panic_recovered",
		"http_server_complaint", "connections_refused", "requests_shed", "another_event"} {
		synctest.Test(t, func(t *testing.T) {
			log := newLimited(clock.New())
			log.flood(event, 1000)
			lines := read(t, log.out)
			assert.Len(t, lines, 10, event)
			assert.Equal(t, counted(event, 0), lines[9])

			time.Sleep(time.Second - 1)
			synctest.Wait()
			assert.Empty(t, read(t, log.out))
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			assert.Equal(t, []line{counted(event, 990)}, read(t, log.out),
				"the count of suppressed lines follows within a second, in a line of its own")

			log.flood(event, 10)
			lines = read(t, log.out)
			assert.Len(t, lines, 9, "the line with the count was one of the ten")
			assert.Equal(t, counted(event, 0), lines[0])
			log.handler.Close()
			assert.Equal(t, []line{counted(event, 1)}, read(t, log.out),
				"the count is written by Close")
			log.handler.Close()
			time.Sleep(time.Minute)
			synctest.Wait()
			assert.Empty(t, read(t, log.out), "the count is written once")
		})
	}
}

func TestEventsDoNotSuppressEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newLimited(clock.New())
		log.flood("http_request", 20)
		log.With("of", "another logger").Error("panic_recovered")
		lines := read(t, log.out)
		assert.Len(t, lines, 11)
		assert.Equal(t, line{"level": "ERROR", "msg": "panic_recovered", "of": "another logger",
			"suppressed": 0.0}, lines[10])
		log.With("of", "another logger").Warn("http_request")
		assert.Empty(t, read(t, log.out), "the limit holds for all loggers together")
		log.handler.Close()
		assert.Equal(t, []line{counted("http_request", 11)}, read(t, log.out))
	})
}

func TestDoesNotLimitDebugLinesAndTheServicesOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newLimited(clock.New())
		for range 50 {
			log.Debug("http_request")
			log.Warn("configuration_warning")
			log.Error("keys_reload_failed", "cause", errors.New("what is wrong"))
		}
		lines := read(t, log.out)
		assert.Len(t, lines, 150)
		for _, line := range lines {
			assert.NotContains(t, line, "suppressed")
		}
	})
}

func TestNextLineCarriesTheCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newLimited(clock.New())
		log.flood("http_request", 5)
		time.Sleep(500 * time.Millisecond)
		log.flood("http_request", 8)
		assert.Len(t, read(t, log.out), 10)
		time.Sleep(500 * time.Millisecond)
		log.flood("http_request", 1)
		synctest.Wait()
		total := 0.0
		for _, l := range read(t, log.out) {
			total += l["suppressed"].(float64)
		}
		assert.Equal(t, 3.0, total, "the count is in the line or in one of its own, but only once")
	})
}

// TestCountWaitsForAFreeLine lets a timer fire while ten lines are within a second by the handler's
// clock. The count must then wait, because ten lines are the maximum.
func TestCountWaitsForAFreeLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := portsfake.NewClock(time.Time{})
		log := newLimited(clock)
		log.flood("http_request", 15)
		assert.Len(t, read(t, log.out), 10)
		time.Sleep(10 * time.Second) // timers fire, but the handler's clock stands still
		synctest.Wait()
		assert.Empty(t, read(t, log.out))
		clock.Advance(time.Second)
		time.Sleep(time.Second)
		synctest.Wait()
		assert.Equal(t, []line{counted("http_request", 5)}, read(t, log.out))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		assert.Empty(t, read(t, log.out))
	})
}

// TestDoesNotFormatSuppressedLines checks that the values of a suppressed line are not computed.
func TestDoesNotFormatSuppressedLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newLimited(clock.New())
		var computed costly
		for range 100 {
			log.LogAttrs(context.Background(), slog.LevelWarn, "http_request",
				slog.Any("costly", &computed))
		}
		assert.EqualValues(t, 10, computed)
		log.handler.Close()
	})
}

// costly counts how often it is written.
type costly int

func (c *costly) LogValue() slog.Value {
	*c++
	return slog.StringValue("")
}
