package redis_test

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/test/harness/redisserver"
)

// TestSurvivesUnsolicitedErrors cancels decisions while they connect to a server that sends an
// error at once, as a server does that has too many clients. The decisions fail, and the process
// survives.
func TestSurvivesUnsolicitedErrors(t *testing.T) {
	const callers, tries = 8, 500
	server := redisserver.Start(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	var full atomic.Bool
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			if full.Load() {
				_, _ = connection.Write([]byte("-ERR max number of clients reached\r\n"))
				go func() {
					_, _ = connection.Read(make([]byte, 4096)) // closes a moment later
					_ = connection.Close()
				}()
				continue
			}
			behind, err := net.DialTimeout("tcp", server.Addr(), redisserver.Timeout)
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(behind, connection) }()
			go func() {
				_, _ = io.Copy(connection, behind)
				_ = connection.Close()
			}()
		}
	}()
	storage := open(t, "redis://"+listener.Addr().String(), patient)
	answers(t, storage, hour(1, 4))
	full.Store(true)
	server.Kill()

	var group sync.WaitGroup
	for caller := range callers {
		random := rand.New(rand.NewPCG(1, uint64(caller)))
		group.Go(func() {
			for range tries {
				ctx, cancel := context.WithCancel(context.Background())
				timer := time.AfterFunc(time.Duration(random.IntN(400))*time.Microsecond, cancel)
				_, _ = storage.Decide(ctx, 0, throttle.NewChecks(hour(1, 4)))
				timer.Stop()
				cancel()
			}
		})
	}
	wait(t, "the canceled decisions", &group)
	server.Restart(t)
	full.Store(false)
	assert.Equal(t, 3, remaining(t, storage, hour(1, 4)), "once the server accepts clients again")
}
