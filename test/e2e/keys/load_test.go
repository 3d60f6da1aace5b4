package keys_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/offload/sessiond/test/harness"
)

// load is a crowd of clients that send requests to two replicas without pause and record the
// responses.
type load struct {
	clients []*client
	stopped chan struct{}
	once    sync.Once
	running sync.WaitGroup
	mu      sync.Mutex
	rounds  []int // completed, by client
}

// client is a client of the crowd. Only its own goroutine may use it until the load has stopped.
type client struct {
	replicas  [replicas]*harness.Client
	installID string
	held      []heldToken
	seen      []sighting
}

// heldToken is the latest token signed by a key.
type heldToken struct {
	text string
	harness.Stamp
	issuedBy int
}

// newLoad starts the given numbers of clients that issue and verify, and of clients that watch the
// published keys and readiness.
func newLoad(t *testing.T, services [replicas]*harness.Process, issuing, watching int) *load {
	t.Helper()
	l := &load{stopped: make(chan struct{}), rounds: make([]int, issuing+watching)}
	for n := range issuing + watching {
		c := newClient(t, services, fmt.Sprintf("install-%d", 10_000+n))
		l.clients = append(l.clients, c)
		round := c.issueAndVerify
		if n >= issuing {
			round = c.watch
		}
		l.running.Go(func() { l.run(n, round) })
	}
	t.Cleanup(func() { l.stop() })
	return l
}

func newClient(t *testing.T, services [replicas]*harness.Process, installID string) *client {
	t.Helper()
	c := &client{installID: installID}
	for n, service := range services {
		c.replicas[n] = service.From(t, "127.0.0.1")
	}
	return c
}

func (l *load) run(n int, round func(n int)) {
	for count := 0; ; count++ {
		select {
		case <-l.stopped:
			return
		default:
		}
		round(count)
		l.mu.Lock()
		l.rounds[n]++
		l.mu.Unlock()
	}
}

// awaitRound waits until every client has completed a round that began after now.
func (l *load) awaitRound(t *testing.T) {
	t.Helper()
	then := l.completed()
	harness.Poll(t, "every client has completed another round", func() bool {
		for n, rounds := range l.completed() {
			if rounds < then[n]+2 {
				return false
			}
		}
		return true
	})
}

// completed returns how many rounds each client has completed.
func (l *load) completed() []int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.rounds)
}

// stop stops the load and returns everything that was seen.
func (l *load) stop() []sighting {
	l.once.Do(func() { close(l.stopped) })
	l.running.Wait()
	var seen []sighting
	for _, client := range l.clients {
		seen = append(seen, client.seen...)
	}
	return seen
}

// issueAndVerify requests a session, in turn without a token and with each held token, whatever the
// state of its key. It then has every replica verify each held token.
func (c *client) issueAndVerify(round int) {
	var bearer heldToken
	if turn := round % (len(c.held) + 1); turn > 0 {
		bearer = c.held[turn-1]
	}
	for n := range replicas {
		// In turn, so that the held tokens come from both replicas.
		c.issue((round+n)%replicas, bearer)
	}
	for _, held := range c.held {
		for replica := range replicas {
			c.verify(askedForCurrent, replica, held)
			c.verify(askedToVerify, replica, held)
		}
	}
}

// watch requests what another verifier and a balancer request.
func (c *client) watch(int) {
	for replica := range replicas {
		c.see(askedForKeys, replica, heldToken{}, nil, func() (harness.Response, error) {
			return c.replicas[replica].Try(http.MethodGet, harness.JWKSPath, "")
		})
		c.see(askedForReadiness, replica, heldToken{}, nil, func() (harness.Response, error) {
			return c.replicas[replica].TryOperations(http.MethodGet, "/readyz")
		})
	}
}

// issue requests a session, as a renewal if bearer has a token, and holds the new token. It returns
// the stamp of the new token.
func (c *client) issue(replica int, bearer heldToken) harness.Stamp {
	headers := []harness.Header{{"Content-Type", "application/json"}}
	if bearer.text != "" {
		headers = append(headers, harness.Bearer(bearer.text))
	}
	c.see(askedToIssue, replica, bearer, func(s *sighting, answer harness.Response) error {
		s.policy = answer.Header.Get("RateLimit-Policy")
		var session harness.Session
		if err := json.Unmarshal([]byte(answer.Body), &session); err != nil {
			return err
		}
		issued, err := harness.ReadStamp(session.Token)
		s.issued = issued
		c.hold(heldToken{text: session.Token, Stamp: issued, issuedBy: replica})
		return err
	}, func() (harness.Response, error) {
		return c.replicas[replica].Try(http.MethodPost, harness.IssuePath,
			harness.IssueBody(c.installID), headers...)
	})
	return c.last().issued
}

// last returns the last sighting.
func (c *client) last() sighting { return c.seen[len(c.seen)-1] }

// hold keeps token as the latest of its key.
func (c *client) hold(token heldToken) {
	at := slices.IndexFunc(c.held, func(held heldToken) bool { return held.Kid == token.Kid })
	if at < 0 {
		c.held = append(c.held, token)
		return
	}
	c.held[at] = token
}

// verify has a replica verify a token, on one of the two paths, and returns the status of the
// response.
func (c *client) verify(how question, replica int, held heldToken) int {
	c.see(how, replica, held, func(_ *sighting, answer harness.Response) error {
		got := [2]string{answer.Header.Get("X-Session-Install-Id"),
			answer.Header.Get("X-Session-Key-Id")}
		if how == askedForCurrent {
			var current struct {
				InstallID string `json:"install_id"`
				KeyID     string `json:"key_id"`
			}
			if err := json.Unmarshal([]byte(answer.Body), &current); err != nil {
				return err
			}
			got = [2]string{current.InstallID, current.KeyID}
		}
		if got != [2]string{c.installID, string(held.Kid)} {
			return fmt.Errorf("a session of %s", got)
		}
		return nil
	}, func() (harness.Response, error) {
		path := "/v1/sessions/current"
		if how == askedToVerify {
			path = "/v1/sessions/verify"
		}
		return c.replicas[replica].Try(http.MethodGet, path, "", harness.Bearer(held.text))
	})
	return c.last().status
}

// see sends a request and records the outcome. The read function is called for successful
// responses.
func (c *client) see(
	what question, replica int, bearer heldToken, read func(*sighting, harness.Response) error,
	try func() (harness.Response, error),
) {
	s := sighting{question: what, replica: replica, bearer: bearer.Kid, issuedBy: bearer.issuedBy,
		from: wall()}
	answer, err := try()
	s.to, s.status, s.code = wall(), answer.Status, answer.Code()
	switch {
	case err == nil && s.status == http.StatusOK && read != nil:
		err = read(&s, answer)
	case err == nil:
		s.body = answer.Body
	}
	if err != nil {
		s.wrong = err.Error()
	}
	c.seen = append(c.seen, s)
}

// wall returns the wall time, without a monotonic reading, because the replicas compare wall times.
func wall() time.Time { return time.Now().Round(0) }
