package redis_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/offload/sessiond/adapters/limiter/redis"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/test/harness/redisserver"
)

// hour returns a check whose window no test outlives.
func hour(number byte, limit int) throttle.Check {
	of := check(number, limit)
	of.Window = time.Hour
	return of
}

// fails requires that a decision fails, and returns its error.
func fails(t *testing.T, storage *redis.Storage, checks ...throttle.Check) *redis.UnavailableError {
	t.Helper()
	decision, err := storage.Decide(context.Background(), 0, throttle.NewChecks(checks...))
	var unavailable *redis.UnavailableError
	require.ErrorAs(t, err, &unavailable)
	require.False(t, decision.Decided())
	return unavailable
}

// answers retries until the storage decides, which may take until it has noticed a broken
// connection.
func answers(t *testing.T, storage *redis.Storage, checks ...throttle.Check) throttle.Decision {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), redisserver.Timeout)
	defer cancel()
	for {
		decision, err := storage.Decide(ctx, 0, throttle.NewChecks(checks...))
		if err == nil {
			return decision
		}
		require.NoError(t, ctx.Err(), "timed out waiting for a decision: %v", err)
	}
}

func remaining(t *testing.T, storage *redis.Storage, of throttle.Check) int {
	t.Helper()
	decision := answers(t, storage, of)
	return decision.At(0).Remaining
}

// wait waits for the goroutines of group; what describes them.
func wait(t testing.TB, what string, group *sync.WaitGroup) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		group.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(redisserver.Timeout):
		require.Fail(t, "timed out waiting", "for: %s", what)
	}
}

func TestReloadsFlushedScripts(t *testing.T) {
	server := redisserver.Start(t)
	storage := open(t, server.URL(), patient)
	assert.Equal(t, 3, remaining(t, storage, hour(1, 4)))
	server.Do(t, "SCRIPT", "FLUSH")
	assert.Equal(t, 2, remaining(t, storage, hour(1, 4)))
}

func TestReconnectsAfterRestart(t *testing.T) {
	server := redisserver.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	storage := open(t, server.URL(), patient)
	assert.Equal(t, 3, remaining(t, storage, hour(1, 4)))
	server.Kill()
	assert.Equal(t, redis.Unreachable, fails(t, storage, hour(1, 4)).Reason)
	server.Restart(t)
	assert.Equal(t, 2, remaining(t, storage, hour(1, 4)), "restarted with its data")
	server.RestartEmpty(t)
	assert.Equal(t, 3, remaining(t, storage, hour(1, 4)), "restarted empty")
}

func TestStartsWithoutServer(t *testing.T) {
	server := redisserver.Start(t)
	server.Kill()
	storage := open(t, server.URL(), patient)
	failed := fails(t, storage, hour(1, 4))
	assert.Equal(t, redis.Unreachable, failed.Reason)
	assert.Equal(t, syscall.ECONNREFUSED.Error(), failed.Detail)
	server.Restart(t)
	assert.Equal(t, 3, remaining(t, storage, hour(1, 4)))
}

// TestDecisionsTimeOutWhileServerHangs suspends the server: every decision fails, however many
// there are, and decisions succeed once the server resumes. Decisions that timed out may have been
// counted, and nothing more.
func TestDecisionsTimeOutWhileServerHangs(t *testing.T) {
	const timeout, callers, tries, limit = 50 * time.Millisecond, 64, 60, 10_000
	server := redisserver.Start(t)
	for name, connected := range map[string]bool{"connected before": true,
		"never connected": false} {
		t.Run(name, func(t *testing.T) {
			storage := open(t, server.URL(), timeout)
			number := byte(1)
			if connected {
				number = 2
				answers(t, storage, hour(number, limit))
			}
			server.Hang(t)
			var group sync.WaitGroup
			for range callers {
				group.Go(func() {
					for range tries {
						_, err := storage.Decide(context.Background(), 0,
							throttle.NewChecks(hour(number, limit)))
						assert.Error(t, err)
					}
				})
			}
			wait(t, "decisions to time out while the server hangs", &group)
			server.Resume(t)
			counted := limit - remaining(t, storage, hour(number, limit))
			assert.LessOrEqual(t, counted, callers*tries+2)
		})
	}
}

// TestDecisionsTimeOutIfServerNeverAnswers uses a server that accepts connections and sends
// nothing.
func TestDecisionsTimeOutIfServerNeverAnswers(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	storage := open(t, "redis://"+listener.Addr().String(), 20*time.Millisecond)
	for range 3 {
		failed := fails(t, storage, hour(1, 4))
		assert.Equal(t, redis.TimedOut, failed.Reason)
		require.ErrorIs(t, failed, context.DeadlineExceeded)
	}
}

func TestFullServerRefusesOnlyWrites(t *testing.T) {
	server := redisserver.Start(t)
	storage := open(t, server.URL(), patient)
	for i := range byte(4) {
		assert.Equal(t, int(3-i), remaining(t, storage, hour(1, 4)))
	}
	server.Do(t, "CONFIG", "SET", "maxmemory", "1")
	failed := fails(t, storage, hour(2, 4), hour(3, 4))
	assert.Equal(t, redis.Refused, failed.Reason)
	assert.Equal(t, "OOM", failed.Detail)
	refused := answers(t, storage, hour(1, 4))
	assert.True(t, refused.Refused(), "a refusal needs no memory")
	server.Do(t, "CONFIG", "SET", "maxmemory", "0")
	decision := answers(t, storage, hour(2, 4), hour(3, 4))
	assert.Equal(t, 3, decision.At(0).Remaining, "the failed decision took no grant")
	assert.Equal(t, 3, decision.At(1).Remaining)
}

// TestReplacesForeignValues stores a value that is not a ring buffer under a subject's key. It
// counts as no grants, and the next grant replaces it; none of the values keeps the server busy.
func TestReplacesForeignValues(t *testing.T) {
	server := redisserver.Start(t)
	storage := open(t, server.URL(), patient)
	number := byte(1)
	for name, value := range map[string]string{
		"a letter": "x", "words": "12345678",
		"many grants":            "\x00\x00\x00\x00\x7f\xff\xff\xff12345678",
		"no grant":               strings.Repeat("\x00", 16),
		"a slot out of range":    "\x00\x00\x00\x09\x00\x00\x00\x0112345678",
		"long words":             strings.Repeat("12345678", 40),
		"half a slot":            "\x00\x00\x00\x00\x00\x00\x00\x01" + "12345678" + "123",
		"long, with half a slot": strings.Repeat("\x00\x00\x00\x01", 61) + "1",
	} {
		number++
		foreign := hour(number, 4)
		t.Run(name, func(t *testing.T) {
			server.Do(t, "SET", storage.Key(foreign), value)
			for want := 3; want >= 0; want-- {
				assert.Equal(t, want, remaining(t, storage, foreign))
			}
			decision := answers(t, storage, foreign)
			assert.True(t, decision.Refused())
		})
	}
	t.Run("another type", func(t *testing.T) {
		server.Do(t, "RPUSH", storage.Key(hour(1, 4)), "x")
		assert.Equal(t, redis.Refused, fails(t, storage, hour(1, 4)).Reason)
	})
}

func TestReportsReadOnlyReplica(t *testing.T) {
	master, replica := redisserver.Start(t), redisserver.Start(t)
	replica.Do(t, "REPLICAOF", "127.0.0.1", fmt.Sprint(master.Port))
	failed := fails(t, open(t, replica.URL(), patient), hour(1, 4))
	assert.Equal(t, redis.Refused, failed.Reason)
	assert.Contains(t, []string{"READONLY", "MASTERDOWN"}, failed.Detail)
}

func TestReportsServerFullOfClients(t *testing.T) {
	server := redisserver.Start(t, "--maxclients", "1")
	held, err := net.DialTimeout("tcp", server.Addr(), redisserver.Timeout)
	require.NoError(t, err)
	require.NoError(t, held.SetDeadline(time.Now().Add(redisserver.Timeout)))
	_, err = held.Write([]byte("PING\r\n"))
	require.NoError(t, err)
	_, err = held.Read(make([]byte, 7))
	require.NoError(t, err)
	storage := open(t, server.URL(), patient)
	failed := fails(t, storage, hour(1, 4))
	assert.Contains(t, []redis.Reason{redis.Refused, redis.Unreachable}, failed.Reason)
	require.NoError(t, held.Close())
	assert.Equal(t, 3, remaining(t, storage, hour(1, 4)))
}

const password = "pass-word_0123456789abcdef"

func TestUsesUserPasswordAndDatabase(t *testing.T) {
	server := redisserver.Start(t, "--user", "default", "off", "--user", "limiter", "on",
		">"+password, "~sessiond:*", "+@all")
	url := func(password string) string {
		return fmt.Sprintf("redis://limiter:%s@%s/5", password, server.Addr())
	}
	assert.Equal(t, 3, remaining(t, open(t, url(password), patient), hour(1, 4)))
	option := rueidis.MustParseURL(url(password))
	option.DisableCache = true
	client, err := rueidis.NewClient(option)
	require.NoError(t, err)
	defer client.Close()
	keys, err := client.Do(context.Background(), client.B().Dbsize().Build()).AsInt64()
	require.NoError(t, err)
	assert.EqualValues(t, 1, keys, "keys in database 5")

	wrong := password + "0"
	failed := fails(t, open(t, url(wrong), patient), hour(1, 4))
	assert.Equal(t, redis.Refused, failed.Reason)
	assert.Equal(t, "WRONGPASS", failed.Detail)
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v", failed, failed, failed), password)
}

// TestErrorsContainNoSecrets classifies errors that contain an address or a password.
func TestErrorsContainNoSecrets(t *testing.T) {
	_, dialing := net.Dial("tcp", "127.0.0.1:1")
	require.Error(t, dialing)
	for name, c := range map[string]struct {
		err    error
		reason redis.Reason
		detail string
	}{
		"refused": {dialing, redis.Unreachable, syscall.ECONNREFUSED.Error()},
		"name": {&net.DNSError{Err: "no such host", Name: "hidden.example"},
			redis.Unreachable, "the name has no address"},
		"deadline": {fmt.Errorf("hidden: %w", context.DeadlineExceeded), redis.TimedOut,
			""},
		"deadline of I/O": {&net.OpError{Op: "read", Addr: &net.TCPAddr{Port: 6379},
			Err: os.ErrDeadlineExceeded}, redis.TimedOut, ""},
		"canceled": {context.Canceled, redis.Canceled, ""},
		"no TLS": {tls.RecordHeaderError{Msg: "hidden"}, redis.Unreachable,
			"the server does not speak TLS"},
		"untrusted": {&tls.CertificateVerificationError{Err: errors.New("hidden")},
			redis.Unreachable, "the server's certificate is not trusted"},
		"closed by the server": {fmt.Errorf("hidden: %w", io.EOF), redis.Unreachable,
			"the server ended the connection"},
		"closed by the server within a reply": {fmt.Errorf("hidden: %w", io.ErrUnexpectedEOF),
			redis.Unreachable,
			"the server ended the connection"},
		"closed":  {rueidis.ErrClosing, redis.Unreachable, ""},
		"unknown": {errors.New("hidden"), redis.Unreachable, ""},
	} {
		sorted := redis.Classify(c.err)
		assert.Equal(t, c.reason, sorted.Reason, name)
		assert.Equal(t, c.detail, sorted.Detail, name)
		assert.Same(t, sorted, redis.Classify(fmt.Errorf("again: %w", sorted)), name)
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			shown := fmt.Sprintf(verb, sorted)
			for _, hidden := range []string{"hidden", "6379", "127.0.0.1"} {
				assert.NotContains(t, shown, hidden, name)
			}
		}
	}
}

// TestErrorsContainNoEchoedPassword uses a server that repeats unknown commands in its errors, as
// old servers and proxies do.
func TestErrorsContainNoEchoedPassword(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = connection.Close() }()
				command := make([]byte, 4096)
				n, err := connection.Read(command)
				if err != nil {
					return
				}
				const greeting = 3 // commands; the first contains the password
				echo := strings.NewReplacer("\r", " ", "\n", " ").Replace(string(command[:n]))
				_, _ = connection.Write([]byte(strings.Repeat("-DENIED "+echo+"\r\n", greeting)))
				_, _ = connection.Read(command) // until the client hangs up
			}()
		}
	}()
	failed := fails(t, open(t, "redis://:"+password+"@"+listener.Addr().String(), patient),
		hour(1, 4))
	assert.Equal(t, "redis: refused: ERR", failed.Error())
	assert.NotContains(t, fmt.Sprintf("%+v %#v", failed, failed), password)
}

func TestReportsEvictionPolicy(t *testing.T) {
	server := redisserver.Start(t)
	storage := open(t, server.URL(), patient)
	policy, err := storage.EvictionPolicy(context.Background())
	require.NoError(t, err)
	assert.Equal(t, redis.NoEviction, policy)
	server.Do(t, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
	policy, err = storage.EvictionPolicy(context.Background())
	require.NoError(t, err)
	assert.Equal(t, "allkeys-lru", policy)
	server.Kill()
	_, err = storage.EvictionPolicy(context.Background())
	var unavailable *redis.UnavailableError
	require.ErrorAs(t, err, &unavailable)
}

// TestCloseLeavesNoGoroutines closes storages whose server runs, hangs or was never reached.
func TestCloseLeavesNoGoroutines(t *testing.T) {
	running := redisserver.Start(t)
	hung := redisserver.Start(t)
	gone := redisserver.Start(t)
	gone.Kill()
	before := goleak.IgnoreCurrent()
	for _, server := range []*redisserver.Server{running, hung, gone} {
		storage := redis.New(serverAt(t, server.URL(), 50*time.Millisecond))
		if server == hung {
			answers(t, storage, hour(1, 4))
			hung.Hang(t)
		}
		_, _ = storage.Decide(context.Background(), 0, throttle.NewChecks(hour(1, 4)))
		end(t, storage)
		_, err := storage.Decide(context.Background(), 0, throttle.NewChecks(hour(1, 4)))
		require.Error(t, err, "a decision of a closed storage")
	}
	// A goroutine of rueidis may sleep for a second before it notices the end.
	assert.Eventually(t, func() bool { return goleak.Find(before) == nil }, redisserver.Timeout,
		10*time.Millisecond)
}

// TestReplicasShareLimits lets several storages decide on one server at the same time: together
// they grant no more than the limits.
func TestReplicasShareLimits(t *testing.T) {
	for name, url := range map[string]string{
		"one server": redisserver.Start(t).URL(), "a cluster": redisserver.StartCluster(t, 3).URL(),
	} {
		t.Run(name, func(t *testing.T) {
			const replicas, callers, tries, perAddress, perInstall, installs = 3, 8, 20, 60, 4, 20
			var grants atomic.Int64
			var each [installs]atomic.Int64
			var group sync.WaitGroup
			for range replicas {
				storage := open(t, url, patient)
				for caller := range callers {
					group.Go(func() {
						for try := range tries {
							install := (caller*7 + try) % installs
							checks := throttle.NewChecks(hour(100, perAddress),
								hour(byte(install), perInstall))
							decision, err := storage.Decide(context.Background(), 0, checks)
							assert.NoError(t, err)
							if decision.Decided() && !decision.Refused() {
								grants.Add(1)
								each[install].Add(1)
							}
						}
					})
				}
			}
			wait(t, "the decisions of all replicas", &group)
			assert.LessOrEqual(t, grants.Load(), int64(perAddress))
			for install := range installs {
				assert.LessOrEqual(t, each[install].Load(), int64(perInstall))
			}
			if name == "one server" {
				assert.EqualValues(t, perAddress, grants.Load(), "no caller is refused too early")
			}
		})
	}
}
