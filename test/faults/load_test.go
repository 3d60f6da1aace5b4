package faults_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

// The load: the number of clients, how often they send requests altogether, and the numbers of
// subjects that come again and again.
const (
	clients  = 64
	pace     = 2500 * time.Microsecond // between two requests of all clients
	hot      = 3
	crowd    = 200
	resting  = 20 // one permit in so many is given out while the load rests
	seed     = 20261124
	idMark   = "quarry-7Qx" // in each install id
	fourMark = "198.18."    // in each IPv4 address
	sixMark  = "2001:db8:"  // in each IPv6 address
)

// load is many clients that request new sessions of all replicas until stop. Each answer is checked
// against the contract as it arrives.
type load struct {
	replicas []*replica
	rules    rules
	permits  chan struct{}
	resting  atomic.Bool // permits are few
	stopped  chan struct{}
	running  sync.WaitGroup

	mu    sync.Mutex
	tally tally
	grown chan struct{} // closed and replaced at each answer
}

// tally counts the answers.
type tally struct {
	answers int
	// grants counts the sessions that a limit counted, by subject; refusals counts the refusals, by
	// replica and subject.
	grants   map[string]int
	refusals map[string]int
	// byPolicy counts the answers that show that the policy decided, by replica: a 503, or a
	// session without RateLimit fields.
	byPolicy [2]int
	// violations are the answers that violate the contract.
	violations []string
	tokens     []string
	requests   []request
}

// request is when a request began and how long it took.
type request struct {
	began time.Time
	took  time.Duration
}

func (t *tally) slowest() time.Duration {
	var slowest time.Duration
	for _, one := range t.requests {
		slowest = max(slowest, one.took)
	}
	return slowest
}

// startLoad starts the clients. They stop with the test at the latest.
func startLoad(t testing.TB, under rules, replicas ...*replica) *load {
	l := &load{
		replicas: replicas, rules: under, permits: make(chan struct{}),
		stopped: make(chan struct{}), grown: make(chan struct{}),
		tally: tally{grants: map[string]int{}, refusals: map[string]int{}},
	}
	l.running.Go(l.meter)
	for client := range clients {
		l.running.Go(func() { l.client(client) })
	}
	t.Cleanup(func() { l.stop(t) })
	return l
}

// stop ends the load and waits for all answers. The tally no longer changes afterwards. It may be
// called more than once.
func (l *load) stop(t testing.TB) {
	select {
	case <-l.stopped:
	default:
		close(l.stopped)
	}
	awaitReturn(t, "the last answers of the load", l.running.Wait)
}

// rest makes the load light if yes is true, and full again if it is false. A light load still uses
// every connection to the storage, and leaves the machine to other tests.
func (l *load) rest(yes bool) { l.resting.Store(yes) }

// meter hands out permits for requests at a steady pace. A permit that no client is free to take is
// lost.
func (l *load) meter() {
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for tick := 0; ; tick++ {
		select {
		case <-l.stopped:
			return
		case <-ticker.C:
			if l.resting.Load() && tick%resting != 0 {
				continue
			}
			select {
			case l.permits <- struct{}{}:
			default:
			}
		}
	}
}

// client sends requests to the replicas in turn.
func (l *load) client(number int) {
	random := rand.New(rand.NewPCG(seed, uint64(number)))
	for sent := number; ; sent++ {
		select {
		case <-l.stopped:
			return
		case <-l.permits:
		}
		l.issue(sent%len(l.replicas), draw(random, number, sent))
	}
}

// caller is the sender of a request: an installation and its address.
type caller struct{ id, address string }

// subjects returns the two subjects that its requests count against.
func (c caller) subjects() [2]string { return [2]string{c.id, c.address} }

func newCaller(id, address string) caller {
	return caller{id: idMark + "-" + id, address: address}
}

// address returns one of many addresses of both families, each of which is a subject of its own.
func address(network, host int) string {
	if host%2 == 0 {
		return fmt.Sprintf("%s%d.%d", fourMark, network, host%250+1)
	}
	return network6(network, host)
}

// network6 returns an address in a /64 that two numbers below 65536 identify.
func network6(one, other int) string {
	return fmt.Sprintf("%s%x:%x::%x", sixMark, one, other, other%7+1)
}

// The first networks of callers that appear once.
const (
	newCallerNetworks   = 0xa000
	sharedCheckNetworks = 0xb000
)

// draw mixes a few installations at the addresses of a crowd, the installations of a crowd at a few
// addresses, a crowd among itself, and callers that appear once.
func draw(random *rand.Rand, client, sent int) caller {
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
	return newCaller(fmt.Sprintf("new%d-%d", client, sent),
		network6(newCallerNetworks+client, sent))
}

// issue sends a request and records the answer.
func (l *load) issue(replica int, from caller) {
	began := time.Now()
	answer, err := l.replicas[replica].Try(http.MethodPost, harness.IssuePath,
		harness.IssueBody(from.id),
		harness.Header{"Content-Type", "application/json"}, harness.ForwardedFor(from.address))
	l.record(replica, from, judge(answer, err, l.rules), &request{began, time.Since(began)})
}

// record counts an answer. measured is nil where the request does not count for how long clients
// wait.
func (l *load) record(replica int, from caller, verdict verdict, measured *request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tally.answers++
	if measured != nil {
		l.tally.requests = append(l.tally.requests, *measured)
	}
	switch {
	case verdict.violation != "":
		l.tally.violations = append(l.tally.violations, verdict.violation)
	case verdict.byPolicy:
		l.tally.byPolicy[replica]++
	case verdict.granted:
		for _, subject := range from.subjects() {
			l.tally.grants[subject]++
		}
	case verdict.refused:
		for _, subject := range from.subjects() {
			l.tally.refusals[fmt.Sprint(replica, subject)]++
		}
	}
	if verdict.token != "" && len(l.tally.tokens) < 50 {
		l.tally.tokens = append(l.tally.tokens, verdict.token)
	}
	close(l.grown)
	l.grown = make(chan struct{})
}

// soFar returns a copy of the tally, which may be read while the load goes on.
func (l *load) soFar() tally {
	l.mu.Lock()
	defer l.mu.Unlock()
	copied := l.tally
	copied.grants, copied.refusals = maps.Clone(l.tally.grants), maps.Clone(l.tally.refusals)
	copied.requests = slices.Clone(l.tally.requests)
	return copied
}

// await waits until reached reports true of the tally. It fails the test at an answer that violates
// the contract, and after harness.Timeout.
func (l *load) await(t testing.TB, what string, reached func(*tally) bool) {
	t.Helper()
	deadline := time.After(harness.Timeout)
	for {
		l.mu.Lock()
		done, grown, violations := reached(&l.tally), l.grown, l.tally.violations
		l.mu.Unlock()
		require.Empty(t, violations[:min(3, len(violations))],
			"answers that violate the contract")
		if done {
			return
		}
		select {
		case <-grown:
		case <-deadline:
			require.Fail(t, "timed out waiting for answers", "until: %s", what)
		}
	}
}

// more waits for so many more answers.
func (l *load) more(t testing.TB, answers int) {
	t.Helper()
	until := l.soFar().answers + answers
	l.await(t, fmt.Sprint("there are ", answers, " more"), func(counted *tally) bool {
		return counted.answers >= until
	})
}

// hotSubjectsSpent reports whether each replica has refused each hot subject.
func hotSubjectsSpent(counted *tally) bool {
	for i := range hot {
		for replica := range 2 {
			for _, subject := range newCaller(fmt.Sprint("hot", i), address(2, i)).subjects() {
				if counted.refusals[fmt.Sprint(replica, subject)] == 0 {
					return false
				}
			}
		}
	}
	return true
}
