package bound_test

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/proof"
	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/device"
	"github.com/offload/sessiond/test/harness/redisserver"
)

// startRedis starts a server with the documented user, and returns it and its URL.
func startRedis(t *testing.T) (*redisserver.Server, string) {
	t.Helper()
	server := redisserver.Start(t)
	url := server.AddUser(t)
	return server, url
}

// shared returns the environment of replicas that require proofs, on one Redis.
func shared(url string, more harness.Env) harness.Env {
	return harness.Production(env("require", harness.Env{"OFFLOAD_LIMITER_STORAGE": "redis",
		"OFFLOAD_REDIS_URL": url, "OFFLOAD_REDIS_TIMEOUT_MS": "10000",
		"OFFLOAD_SESSION_TTL_SECONDS": "3600"}.With(more)))
}

// race sends one proof to replicas at once, from several clients of each, and returns how many
// sessions there were.
func race(t *testing.T, replicas []*harness.Process, key device.Key, text string) int64 {
	t.Helper()
	const clients = 4
	var accepted atomic.Int64
	var crowd sync.WaitGroup
	begin := make(chan struct{})
	for _, replica := range replicas {
		for range clients {
			crowd.Go(func() {
				<-begin
				answer, err := replica.Try(http.MethodPost, harness.IssuePath,
					harness.IssueBody(key.Thumbprint), harness.Header{"Content-Type", "application/json"},
					dpop(text))
				if !assert.NoError(t, err) {
					return
				}
				if answer.Status == http.StatusOK {
					accepted.Add(1)
					return
				}
				assert.Equal(t, "invalid_proof", answer.Code(), "%s", answer.Body)
				assert.Empty(t, answer.Header.Values("RateLimit"))
				assert.Empty(t, answer.Header.Values("Retry-After"))
			})
		}
	}
	close(begin)
	harness.Wait(t, "every client has received its response", &crowd)
	return accepted.Load()
}

// TestReplicasAcceptAProofOnce sends each of a hundred proofs to two replicas at once.
func TestReplicasAcceptAProofOnce(t *testing.T) {
	server, url := startRedis(t)
	env := shared(url, nil)
	replicas := []*harness.Process{harness.StartSharing(t, env), harness.StartSharing(t, env)}
	phone := device.New(1)
	for round := range 100 {
		text := phone.Proof(device.For(http.MethodPost, issueURI, time.Now()))
		require.EqualValues(t, 1, race(t, replicas, phone, text), "round %d", round)
	}
	// Replicas accept the nonces of each other.
	late := func() device.Claims { return device.For(http.MethodPost, issueURI, time.Unix(1, 0)) }
	nonce := assertCode(t, replicas[0].Issue(t, phone.Thumbprint, dpop(phone.Proof(late()))),
		"proof_nonce_required")
	withNonce := phone.Proof(late().WithNonce(nonce))
	assertCode(t, replicas[1].Issue(t, phone.Thumbprint, dpop(withNonce)), "")
	assertCode(t, replicas[0].Issue(t, phone.Thumbprint, dpop(withNonce)), "invalid_proof")

	answer := server.Do(t, "KEYS", "*")
	names, err := answer.AsStrSlice()
	require.NoError(t, err)
	const gone = -2 // a key of a probe, which has expired
	empty := 0
	for _, name := range names {
		assert.Regexp(t, `^sessiond:[A-Za-z0-9_-]{22}:[0-9a-z]+$`, name)
		answer := server.Do(t, "STRLEN", name)
		bytes, err := answer.AsInt64()
		require.NoError(t, err)
		answer = server.Do(t, "PTTL", name)
		left, err := answer.AsInt64()
		require.NoError(t, err)
		if bytes == 0 && left != gone {
			empty++
			assert.Positive(t, left)
			assert.LessOrEqual(t, left, proof.Memory.Milliseconds()+1)
		}
	}
	assert.Equal(t, 101, empty, "one key for each proof that was used")
}

// TestOutageRemembersProofs lets the shared storage go away. Under local and allow a replica
// accepts a proof once by its own memory; under deny it issues nothing.
func TestOutageRemembersProofs(t *testing.T) {
	t.Parallel()
	for policy, want := range map[string]string{"local": "", "allow": "", "deny": "service_unavailable"} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			server, url := startRedis(t)
			env := shared(url, harness.Env{"OFFLOAD_LIMITER_ON_OUTAGE": policy,
				"OFFLOAD_REDIS_TIMEOUT_MS": "500"})
			server.Hang(t)
			replica := harness.Start(t, env)
			replica.Log.Await(t, "limiter_outage_started")
			phone := device.New(1)
			for range 3 {
				text := phone.Proof(device.For(http.MethodPost, issueURI, time.Now()))
				first := replica.Issue(t, phone.Thumbprint, dpop(text))
				require.Equal(t, want, first.Code(), "%s", first.Body)
				assert.Equal(t, policy == "local", first.Header.Get("RateLimit") != "")
				second := replica.Issue(t, phone.Thumbprint, dpop(text))
				if want == "" {
					assertCode(t, second, "invalid_proof")
				} else {
					assert.Equal(t, want, second.Code())
				}
			}
			server.Resume(t)
		})
	}
}

// TestReplayIsNoRefusal reaches a limit, in each mode: a used proof is rejected as one, and a
// request that the limit refuses uses none.
func TestReplayIsNoRefusal(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"enforce", "observe"} {
		service := harness.Serve(t, env("require", harness.Env{
			"OFFLOAD_SESSION_ISSUE_LIMIT_PER_INSTALL": "2", "OFFLOAD_SESSION_ISSUE_LIMIT_MODE": mode}))
		phone := device.New(1)
		fresh := func() string {
			return phone.Proof(device.For(http.MethodPost, issueURI, service.Clock.Now()))
		}
		send := func(text string) harness.Response {
			return service.Issue(t, phone.Thumbprint, dpop(text))
		}
		used := fresh()
		first := send(used)
		assertCode(t, first, "", mode)
		assert.NotContains(t, first.Header.Get("RateLimit"), "proof")
		assertCode(t, send(fresh()), "", mode)
		over := fresh()
		switch mode {
		case "enforce":
			assert.Equal(t, "session_rate_limited", send(over).Code())
		default:
			assertCode(t, send(over), "", mode)
		}
		assertCode(t, send(used), "invalid_proof", mode)
		service.Clock.Advance(time.Minute)
		if mode == "enforce" {
			assertCode(t, send(over), "", "it was not used yet")
		}
		assertCode(t, send(over), "invalid_proof", mode)
		assert.EqualValues(t, 2, service.Metric(t, `offload_proofs_total{reason="replayed"}`), mode)
		assert.EqualValues(t, 1, service.Metric(t,
			`offload_session_throttled_total{dimension="install_id",mode="`+mode+`"}`))
		service.Stop(t)
		assert.NotContains(t, service.Log.Text(), "proof\"")
	}
}
