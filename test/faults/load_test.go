package faults_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

// What the load is: so many clients, who ask so often altogether, over so many subjects that are
// asked for again and again.
const (
	clients  = 64
	pace     = 2500 * time.Microsecond // between two requests of all clients
	hot      = 3
	crowd    = 200
	seed     = 20261124
	idMark   = "quarry-7Qx" // in each install id
	fourMark = "198.18."    // in each address of IPv4
	sixMark  = "2001:db8:"  // in each of IPv6
)

// load is many clients who ask all replicas for new sessions, until stop. What they are answered is
// judged by the contract as it comes.
type load struct {
	replicas []*replica
	policy   string
	permits  chan struct{}
	stopped  chan struct{}
	running  sync.WaitGroup

	mu    sync.Mutex
	tally tally
	grown chan struct{} // closed, and made anew, at each answer
}

// tally is what has been answered.
type tally struct {
	answers int
	// grants are the sessions that were counted, by subject; refusals are those who were refused,
	// by replica and subject.
	grants   map[string]int
	refusals map[string]int
	// standIns are what an operator can see that the policy decided, by replica: a 503, or a
	// session without RateLimit fields.
	standIns [2]int
	// wrong is what no client may be answered.
	wrong  []string
	tokens []string
	took   []took
}

// took is how long a request took, and when it began.
type took struct {
	began time.Time
	took  time.Duration
}

func (t *tally) slowest() time.Duration {
	var slowest time.Duration
	for _, one := range t.took {
		slowest = max(slowest, one.took)
	}
	return slowest
}

// startLoad sets the clients to work. They stop with the test at the latest.
func startLoad(t testing.TB, policy string, replicas ...*replica) *load {
	l := &load{
		replicas: replicas, policy: policy, permits: make(chan struct{}),
		stopped: make(chan struct{}), grown: make(chan struct{}),
		tally: tally{grants: map[string]int{}, refusals: map[string]int{}},
	}
	l.running.Go(l.meter)
	for client := range clients {
		l.running.Go(func() { l.client(client) })
	}
	t.Cleanup(l.stop)
	return l
}

// stop ends the load, and waits for all answers. Afterwards the tally stands.
func (l *load) stop() {
	select {
	case <-l.stopped:
	default:
		close(l.stopped)
	}
	l.running.Wait()
}

// meter gives leave to ask at a steady pace; what nobody is free to take is lost.
func (l *load) meter() {
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for {
		select {
		case <-l.stopped:
			return
		case <-ticker.C:
			select {
			case l.permits <- struct{}{}:
			default:
			}
		}
	}
}

// client asks one replica after the other, for itself and for no one that it was before.
func (l *load) client(number int) {
	random := rand.New(rand.NewPCG(seed, uint64(number)))
	for asked := number; ; asked++ {
		select {
		case <-l.stopped:
			return
		case <-l.permits:
		}
		at := asked % len(l.replicas)
		l.ask(at, draw(random, number, asked))
	}
}

// caller is who asks: an installation from an address.
type caller struct{ id, address string }

// subjects are the two that its checks are about.
func (c caller) subjects() [2]string { return [2]string{c.id, c.address} }

func newCaller(id, address string) caller {
	return caller{id: idMark + "-" + id, address: address}
}

// address is one of very many, of both families, each of which counts for itself.
func address(network, host int) string {
	if host%2 == 0 {
		return fmt.Sprintf("%s%d.%d", fourMark, network, host%250+1)
	}
	return network6(network, host)
}

// network6 is an address of a /64 of its own: two numbers below 65536 tell it.
func network6(one, other int) string {
	return fmt.Sprintf("%s%x:%x::%x", sixMark, one, other, other%7+1)
}

// Those who are met once come from networks beyond these.
const (
	newcomers = 0xa000
	freshOnes = 0xb000
)

// draw mixes a few installations that everybody shares, from addresses of a crowd; a crowd's
// installations, from a few addresses; the crowd among itself; and those who were never seen.
func draw(random *rand.Rand, client, asked int) caller {
	many := func() int { return random.IntN(crowd) }
	few := func() int { return random.IntN(hot) }
	switch random.IntN(5) {
	case 0:
		return newCaller(fmt.Sprint("hot", few()), address(1, many()))
	case 1:
		return newCaller(fmt.Sprint("crowd", many()), address(2, few()))
	case 2:
		return newCaller(fmt.Sprint("crowd", many()), address(1, many()))
	}
	return newCaller(fmt.Sprintf("new%d-%d", client, asked), network6(newcomers+client, asked))
}

// ask sends a request, and takes down what became of it.
func (l *load) ask(at int, from caller) {
	began := time.Now()
	answer, err := l.replicas[at].Try(http.MethodPost, harness.IssuePath,
		harness.IssueBody(from.id),
		harness.Header{"Content-Type", "application/json"}, harness.ForwardedFor(from.address))
	measured := took{began, time.Since(began)}
	verdict := judge(answer, err, l.policy)

	l.mu.Lock()
	defer l.mu.Unlock()
	l.tally.answers++
	l.tally.took = append(l.tally.took, measured)
	switch {
	case verdict.wrong != "":
		l.tally.wrong = append(l.tally.wrong, verdict.wrong)
	case verdict.standIn:
		l.tally.standIns[at]++
	case verdict.granted:
		for _, subject := range from.subjects() {
			l.tally.grants[subject]++
		}
	case verdict.refused:
		for _, subject := range from.subjects() {
			l.tally.refusals[fmt.Sprint(at, subject)]++
		}
	}
	if verdict.token != "" && len(l.tally.tokens) < 50 {
		l.tally.tokens = append(l.tally.tokens, verdict.token)
	}
	close(l.grown)
	l.grown = make(chan struct{})
}

// soFar is a copy of what may be read while the load goes on.
func (l *load) soFar() tally {
	l.mu.Lock()
	defer l.mu.Unlock()
	copied := l.tally
	copied.grants, copied.refusals = maps.Clone(l.tally.grants), maps.Clone(l.tally.refusals)
	copied.took = slices.Clone(l.tally.took)
	return copied
}

// await waits until the tally is as far as that.
func (l *load) await(t testing.TB, what string, far func(*tally) bool) {
	t.Helper()
	late := time.After(harness.Timeout)
	for {
		l.mu.Lock()
		is, grown, wrong := far(&l.tally), l.grown, l.tally.wrong
		l.mu.Unlock()
		require.Empty(t, wrong[:min(3, len(wrong))], "answers that are none")
		if is {
			return
		}
		select {
		case <-grown:
		case <-late:
			require.Fail(t, "the load does not come so far", "%s", what)
		}
	}
}

// more waits for so many more answers.
func (l *load) more(t testing.TB, answers int) {
	t.Helper()
	until := l.soFar().answers + answers
	l.await(t, fmt.Sprint(answers, " more answers"), func(so *tally) bool {
		return so.answers >= until
	})
}

// hotOnesAreSpent reports whether each hot subject was refused by each replica.
func hotOnesAreSpent(so *tally) bool {
	for i := range hot {
		for replica := range 2 {
			for _, subject := range newCaller(fmt.Sprint("hot", i), address(2, i)).subjects() {
				if so.refusals[fmt.Sprint(replica, subject)] == 0 {
					return false
				}
			}
		}
	}
	return true
}
