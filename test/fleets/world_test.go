package fleets

import (
	"container/heap"
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/limiter/memory"
	"github.com/offload/sessiond/app/issue"
	"github.com/offload/sessiond/bootstrap/config"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/ports/portsfake"
)

var noon = time.Date(2026, 2, 16, 12, 0, 0, 0, time.UTC)

// defaults returns the configuration of a service for which nothing is set.
func defaults(t *testing.T) config.Config {
	t.Helper()
	review := config.Load(config.Sources{
		Random: func(n int) []byte { return make([]byte, n) }, Now: noon})
	require.Empty(t, review.Faults)
	return review.Config
}

// actor is a client whose turn comes again and again. act returns how long from now its next turn
// is, and whether there is one.
type actor interface {
	act(w *world) (next time.Duration, again bool)
}

// world is a service, its clock, and the actors that wait for their turns.
type world struct {
	t       *testing.T
	service *issue.Service
	storage *memory.Storage
	clock   *portsfake.Clock
	now     time.Duration // since noon; negative before
	random  *rand.Rand
	turns   turns
	added   int
}

// newWorld returns a world whose clock is early before noon.
func newWorld(t *testing.T, limits issue.Limits, early time.Duration) *world {
	t.Helper()
	settings := defaults(t)
	storage, err := memory.New(settings.MaxSubjects, limits.Of)
	require.NoError(t, err)
	keyring, err := keys.NewKeyring(keys.NewHS256("kid", []byte("secret"), keys.Plan{}))
	require.NoError(t, err)
	w := &world{t: t, storage: storage, clock: portsfake.NewClock(noon.Add(-early)), now: -early,
		random: rand.New(rand.NewPCG(1, 2))}
	w.service = issue.New(issue.Parts{Keys: portsfake.NewKeys(keyring), Limiter: storage,
		Clock: w.clock, Entropy: entropy{w.random}, Events: ignored{}, Settings: settings.Session,
		Limits: limits, Digester: throttle.NewDigester([]byte("digest key"))})
	return w
}

// add adds an actor whose first turn is at an instant after noon.
func (w *world) add(a actor, at time.Duration) {
	w.added++
	heap.Push(&w.turns, turn{at: at, order: w.added, of: a})
}

// run gives all actors their turns, until no turn before end is left.
func (w *world) run(end time.Duration) {
	w.t.Helper()
	for len(w.turns) > 0 && w.turns[0].at < end {
		one := heap.Pop(&w.turns).(turn)
		w.clock.Advance(one.at - w.now)
		w.now = one.at
		if next, again := one.of.act(w); again {
			w.add(one.of, w.now+next)
		}
	}
	require.Zero(w.t, w.storage.Forgotten(), "the storage forgot subjects")
}

// duration returns a random duration from 0 to below most.
func (w *world) duration(most time.Duration) time.Duration {
	return time.Duration(w.random.Int64N(int64(most)))
}

// request returns the request of a new installation.
func (w *world) request() session.Request {
	w.t.Helper()
	const digits = "0123456789abcdef"
	var id [32]byte
	for i := range id {
		id[i] = digits[w.random.IntN(len(digits))]
	}
	request, err := session.NewRequest(session.Input{Text: string(id[:])},
		session.Input{Text: "1.0"}, session.Input{Text: "ios"}, session.RuleNone)
	require.NoError(w.t, err)
	return request
}

// issue requests a session, or its renewal with a token that is not empty. Exactly one of its
// results is not nil.
func (w *world) issue(request session.Request, client netip.Addr, token string) (*ports.Issued,
	*throttle.Refusal) {
	w.t.Helper()
	var authorization []string
	if token != "" {
		authorization = []string{"Bearer " + token}
	}
	issued, err := w.service.Issue(context.Background(), ports.IssueRequest{Session: request,
		Client: client, Credentials: ports.Credentials{Authorization: authorization}})
	if refusal, refused := errors.AsType[*throttle.Refusal](err); refused {
		return nil, refusal
	}
	require.NoError(w.t, err)
	return &issued, nil
}

// exactWait returns how long until the refused request could be granted, without the share of the
// window that Retry-After adds.
func exactWait(refusal *throttle.Refusal) time.Duration {
	var wait time.Duration
	for i := range refusal.Decision.Len() {
		wait = max(wait, refusal.Decision.At(i).RetryAfter)
	}
	return wait
}

// site returns an address of the site with the given number in a network: an IPv4 address, or one
// in an IPv6 /64.
func site(network netip.Prefix, number int) netip.Addr {
	if network.Addr().Is4() {
		address := network.Addr().As4()
		address[3] += byte(number)
		return netip.AddrFrom4(address)
	}
	address := network.Addr().As16()
	address[6], address[7], address[15] = byte(number>>8), byte(number), 1
	return netip.AddrFrom16(address)
}

// turn is when an actor acts next. Of turns at one instant, the one that was added first is first.
type turn struct {
	at    time.Duration
	order int
	of    actor
}

// turns implements heap.Interface; the next turn is the first.
type turns []turn

func (t turns) Len() int { return len(t) }
func (t turns) Less(i, j int) bool {
	return t[i].at < t[j].at || t[i].at == t[j].at && t[i].order < t[j].order
}
func (t turns) Swap(i, j int) { t[i], t[j] = t[j], t[i] }
func (t *turns) Push(one any) { *t = append(*t, one.(turn)) }
func (t *turns) Pop() any {
	last := (*t)[len(*t)-1]
	*t = (*t)[:len(*t)-1]
	return last
}

// entropy implements ports.Entropy.
type entropy struct{ *rand.Rand }

func (e entropy) Fraction() float64 { return e.Float64() }

// ignored implements ports.Events.
type ignored struct{}

func (ignored) Record(context.Context, ports.Event) {}
