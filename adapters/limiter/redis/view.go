package redis

import (
	"context"
	"encoding/binary"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/offload/sessiond/domain/throttle"
)

// View implements ports.LimiterView. It sends only TIME and GETRANGE, and has the deadline of
// Decide.
func (s *Storage) View(ctx context.Context, checks throttle.Checks) ([]throttle.State, error) {
	return within(ctx, s, func(ctx context.Context, l *lease) ([]throttle.State, error) {
		now, err := timeOf(ctx, l.client)
		if err != nil {
			return nil, err
		}
		var states []throttle.State
		for i := range checks.Len() {
			check := checks.At(i)
			ring, err := l.client.Do(ctx, l.client.B().Getrange().Key(s.key(check)).Start(0).End(-1).
				Build()).ToString()
			if err != nil {
				return nil, err
			}
			grants := throttle.Grants{grantsOf([]byte(ring), now)}
			states = append(states, check.State(&grants, grants.Effective(now)))
		}
		return states, nil
	})
}

// timeOf returns the server's time.
func timeOf(ctx context.Context, client rueidis.Client) (throttle.Instant, error) {
	parts, err := client.Do(ctx, client.B().Time().Build()).AsStrSlice()
	if err != nil {
		return 0, err
	}
	const seconds, micros = 0, 1
	if len(parts) != micros+1 {
		return 0, errAnswer
	}
	whole, err := strconv.ParseInt(parts[seconds], 10, 64)
	if err != nil {
		return 0, errAnswer
	}
	fraction, err := strconv.ParseInt(parts[micros], 10, 64)
	if err != nil {
		return 0, errAnswer
	}
	return throttle.Instant(whole*int64(time.Second) + fraction*int64(time.Microsecond)), nil
}

// grantsOf returns the grants in a ring buffer in the form that ring.lua describes, oldest first;
// none if ring does not have that form. Grants later than now count as made now: the server's clock
// was stepped back.
func grantsOf(ring []byte, now throttle.Instant) []throttle.Instant {
	const head, slot = 8, 8
	if len(ring) < head+slot || len(ring)%slot != 0 {
		return nil
	}
	tail, count := int(binary.BigEndian.Uint32(ring)), int(binary.BigEndian.Uint32(ring[4:]))
	slots := (len(ring) - head) / slot
	if count < 1 || count > slots || tail >= slots {
		return nil
	}
	grants := make([]throttle.Instant, 0, count)
	for i := count; i >= 1; i-- {
		from := head + slot*((tail-i+slots)%slots)
		at := throttle.Instant(binary.BigEndian.Uint64(ring[from:])) *
			throttle.Instant(time.Microsecond)
		grants = append(grants, min(at, now))
	}
	return grants
}
