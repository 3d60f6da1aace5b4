package console_test

import (
	"fmt"
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/redisserver"
)

// world is a service with Redis and a keyset, behind a proxy, and clients whose traffic a test
// plays. The service's clock moves with the traffic; Redis has a clock of its own, by which all of
// it happens in one window.
type world struct {
	*harness.InProcess
	t       *testing.T
	redis   *redisserver.Server
	keyset  harness.KeysetFile
	made    int
	holders []holder // whose sessions were not renewed yet
}

// holder is a client with a session.
type holder struct{ id, token string }

// abuser is the installation that exceeds its limit.
const abuser = "install-of-the-abuser"

func newWorld(t *testing.T) *world {
	w := &world{t: t, redis: redisserver.Start(t), keyset: harness.NewKeyset(t,
		harness.HS256Key("2026-01", harness.StrongSecret, harness.Noon.Add(-30*24*time.Hour)))}
	w.InProcess = harness.Serve(t, w.keyset.Env(harness.BehindProxy(harness.Env{
		"OFFLOAD_ENVIRONMENT":     "production",
		"OFFLOAD_LIMITER_STORAGE": "redis", "OFFLOAD_REDIS_URL": w.redis.URL(),
		"OFFLOAD_REDIS_TIMEOUT_MS":          "10000",
		"OFFLOAD_LIMITER_DIGEST_KEY":        harness.OtherSecret,
		"OFFLOAD_HTTP_IDLE_TIMEOUT_SECONDS": "30",
	})))
	return w
}

// address returns the next client's address.
func (w *world) address() harness.Header {
	w.made++
	return harness.ForwardedFor(fmt.Sprintf("11.%d.%d.%d", w.made>>16&255, w.made>>8&255, w.made&255))
}

// create has new clients request sessions.
func (w *world) create(clients int) {
	for range clients {
		address := w.address()
		id := fmt.Sprintf("install-%08d", w.made)
		w.holders = append(w.holders, holder{id, w.Token(w.t, id, address)})
	}
}

// renew has clients renew sessions that were not renewed yet.
func (w *world) renew(clients int) {
	for range min(clients, len(w.holders)) {
		next := w.holders[0]
		w.holders = w.holders[1:]
		require.Equal(w.t, http.StatusOK,
			w.Issue(w.t, next.id, w.address(), harness.Bearer(next.token)).Status)
	}
}

// abuse has one installation request more sessions than it may have, from many addresses.
func (w *world) abuse(requests int) {
	for range requests {
		w.Issue(w.t, abuser, w.address())
	}
}

// play plays traffic for some slots of five seconds, with so many requests of the abuser in each.
func (w *world) play(slots, abuse int) {
	for slot := range slots {
		wave := 1 + math.Sin(float64(slot)/14)
		w.create(2 + int(3*wave))
		w.renew(1 + int(2*wave))
		w.abuse(abuse)
		w.Clock.Advance(5 * time.Second)
	}
}
