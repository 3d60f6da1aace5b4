package bound_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/limiter/memory"
	"github.com/offload/sessiond/adapters/limiter/redis"
	"github.com/offload/sessiond/domain/proof"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/test/harness/redisserver"
)

// window is so long that no grant expires while all installations enrol and renew.
const window = 30 * time.Minute

// perAddress is how many installations share an address.
const perAddress = 4

// decisions returns the checks of an installation that enrols, or renews: those of a request to
// issue, with that of its proof if it is bound.
func decisions(digester throttle.Digester, installation int, renews, bound bool) throttle.Checks {
	id := "installation-" + strconv.Itoa(installation)
	address := client(installation / perAddress)
	network := netip.PrefixFrom(address, 24).Masked().String()
	check := func(dimension throttle.Dimension, text string) throttle.Check {
		return throttle.Check{Dimension: dimension, Subject: digester.Subject(dimension, text),
			Limit: limits.Of(dimension), Window: window}
	}
	checks := throttle.NewChecks(check(throttle.ByAddress, address.String()),
		check(throttle.ByNetwork, network), check(throttle.ByInstall, id))
	if renews {
		checks = throttle.NewChecks(check(throttle.ByRenewal, id),
			check(throttle.ByRenewalAddress, address.String()))
	}
	if bound {
		use := check(throttle.ByProof, id+strconv.FormatBool(renews))
		use.Window = proof.Memory
		checks = checks.With(use)
	}
	return checks
}

// crowd lets every installation enrol and then renew, and returns how long the decisions took.
func crowd(t *testing.T, storage ports.LimiterStorage, callers int, bound bool) time.Duration {
	t.Helper()
	digester := throttle.NewDigester([]byte("a digest key"))
	begin := time.Now()
	for _, renews := range []bool{false, true} {
		var group sync.WaitGroup
		for caller := range callers {
			group.Go(func() {
				for i := caller; i < *installations; i += callers {
					decision, err := storage.Decide(t.Context(), 0, decisions(digester, i, renews, bound))
					if err != nil || decision.Refused() {
						assert.NoError(t, err)
						assert.False(t, decision.Refused(), "installation %d", i)
						return
					}
				}
			})
		}
		group.Wait()
	}
	return time.Since(begin)
}

// row formats what a storage did, unbound and bound.
func row(storage string, took, memory [2]float64, remains string) string {
	return fmt.Sprintf("| %s | %.1f → %.1f | %.0f → %.0f | %s |\n", storage, took[0], took[1],
		memory[0], memory[1], remains)
}

// TestInstallations lets very many installations enrol and renew within one window, at the storage
// in memory and at a Redis server, and looks at what remains one window later.
func TestInstallations(t *testing.T) {
	table := fmt.Sprintf("%s installations enrol and renew; each cell is without a key → bound.\n\n",
		grouped(*installations)) +
		"| Storage | Time of all decisions, s | Memory, MiB | One window later |\n| --- | --- | --- | --- |\n"
	table += inMemory(t) + onRedis(t)
	write(t, "bound-scale", table)
}

func inMemory(t *testing.T) string {
	t.Helper()
	var took, used [2]float64
	for i, bound := range []bool{false, true} {
		before := heap()
		storage, err := memory.New(2*2*(*installations), limits.Of)
		require.NoError(t, err)
		took[i] = crowd(t, storage, 2, bound).Seconds()
		used[i] = (heap() - before) / (1 << 20)
		assert.Zero(t, storage.Forgotten())
		assert.Positive(t, storage.Subjects(0))
		assert.Zero(t, storage.Subjects(throttle.Instant(0).After(window+time.Second)))
		runtime.KeepAlive(storage)
	}
	return row("memory", took, used, "no subject")
}

// heap returns the bytes of the heap that are in use.
func heap() float64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapAlloc)
}

func onRedis(t *testing.T) string {
	t.Helper()
	var took, used [2]float64
	for i, bound := range []bool{false, true} {
		server, clock := redisserver.StartOnClock(t)
		url, err := redis.ParseURL(server.URL())
		require.NoError(t, err)
		storage := redis.New(redis.Server{URL: url, KeyPrefix: "sessiond:", Timeout: time.Minute,
			Draw: rand.Float64})
		before := usedMemory(t, server)
		took[i] = crowd(t, storage, 64, bound).Seconds()
		used[i] = (usedMemory(t, server) - before) / (1 << 20)
		dump := keysOf(t, server)
		assert.Greater(t, dump, *installations)
		clock.Step(t, window+time.Second)
		assert.Zero(t, keysOf(t, server))
		storage.Close(context.Background())
		server.Do(t, "FLUSHALL")
	}
	return row("Redis", took, used, "no key: a dump is empty")
}

// usedMemory returns the bytes that the server has allocated.
func usedMemory(t *testing.T, server *redisserver.Server) float64 {
	t.Helper()
	answer := server.Do(t, "INFO", "memory")
	text, err := answer.ToString()
	require.NoError(t, err)
	for line := range strings.Lines(text) {
		if value, found := strings.CutPrefix(strings.TrimSpace(line), "used_memory:"); found {
			bytes, err := strconv.ParseFloat(value, 64)
			require.NoError(t, err)
			return bytes
		}
	}
	require.Fail(t, "the server does not say how much memory it uses")
	return 0
}

// keysOf returns how many keys a dump of the server would have: SCAN visits all, and removes those
// that have expired.
func keysOf(t *testing.T, server *redisserver.Server) (found int) {
	t.Helper()
	for cursor := uint64(0); ; {
		answer := server.Do(t, "SCAN", strconv.FormatUint(cursor, 10), "COUNT", "10000")
		keys, err := answer.AsScanEntry()
		require.NoError(t, err)
		found += len(keys.Elements)
		if cursor = keys.Cursor; cursor == 0 {
			return found
		}
	}
}

// grouped formats a number with commas.
func grouped(number int) string {
	text := strconv.Itoa(number)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
