package redisserver_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness/redisserver"
)

func TestServerSeesSteppedClock(t *testing.T) {
	server, clock := redisserver.StartOnClock(t)
	seen := func() time.Time {
		answer := server.Do(t, "EVAL", "return redis.call('TIME')[1]", "0")
		text, err := answer.ToString()
		require.NoError(t, err)
		seconds, err := strconv.ParseInt(text, 10, 64)
		require.NoError(t, err)
		return time.Unix(seconds, 0)
	}
	assert.WithinDuration(t, time.Now(), seen(), time.Minute)
	clock.Step(t, -time.Hour)
	assert.WithinDuration(t, time.Now().Add(-time.Hour), seen(), time.Minute)
	clock.Step(t, 2*time.Hour)
	assert.WithinDuration(t, time.Now().Add(time.Hour), seen(), time.Minute)
}
