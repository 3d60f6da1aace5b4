package limits_test

import (
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/redisserver"
)

// startRedis starts a server with the documented user, and returns it and the URL of its database
// 1.
func startRedis(t *testing.T) (*redisserver.Server, string) {
	t.Helper()
	server := redisserver.Start(t)
	return server, server.AddUser(t) + "/1"
}

// shared returns the environment of replicas on one Redis.
func shared(url string, more harness.Env) harness.Env {
	return harness.Production(harness.Env{
		"OFFLOAD_LIMITER_STORAGE": "redis", "OFFLOAD_REDIS_URL": url,
		"OFFLOAD_LIMITER_DIGEST_KEY": harness.OtherSecret,
		"OFFLOAD_REDIS_TIMEOUT_MS":   "10000", "OFFLOAD_SESSION_ISSUE_LIMIT_WINDOW_SECONDS": "86400",
		"OFFLOAD_SESSION_RENEWAL_LIMIT_PER_INSTALL": "100",
	}.With(more))
}

// check runs check --strict with ports that operators would choose, again where the storage did not
// answer within its fixed deadlines: a loaded machine may need longer.
func check(t *testing.T, env harness.Env) (exit harness.Exit) {
	t.Helper()
	env = env.With(harness.Env{"OFFLOAD_HTTP_ADDR": "127.0.0.1:8080",
		"OFFLOAD_OPS_ADDR": "127.0.0.1:9090"})
	harness.Poll(t, "check has the storage's answer", func() bool {
		exit = harness.Run(t, env, "check", "--strict")
		return !harness.Late(exit.Output)
	})
	return exit
}

func TestReplicasShareOneLimit(t *testing.T) {
	_, url := startRedis(t)
	env := shared(url, harness.Env{"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP": "37",
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_INSTALL": "10000"})
	replicas := []*harness.Process{harness.StartSharing(t, env), harness.StartSharing(t, env)}
	for _, replica := range replicas {
		started := replica.Log.Of("service_started")[0]
		assert.Equal(t, "redis", started.String("storage"))
		assert.Equal(t, "local", started.String("on_outage"))
	}
	var granted, refused atomic.Int64
	var crowd sync.WaitGroup
	for i := range 64 {
		crowd.Go(func() {
			for range 3 {
				answer, err := replicas[i%2].Try(http.MethodPost, harness.IssuePath,
					harness.IssueBody("install-of-the-crowd"),
					harness.Header{"Content-Type", "application/json"})
				if !assert.NoError(t, err) {
					return
				}
				switch answer.Status {
				case http.StatusOK:
					granted.Add(1)
				case http.StatusTooManyRequests:
					refused.Add(1)
				default:
					assert.Fail(t, "the response is neither a session nor a refusal", "%d %s", answer.Status,
						answer.Body)
				}
			}
		})
	}
	harness.Wait(t, "every client has received its responses", &crowd)
	assert.EqualValues(t, 37, granted.Load(), "both replicas must share one limit")
	assert.EqualValues(t, 64*3-37, refused.Load())
	for _, replica := range replicas {
		assert.Equal(t, 0, replica.Stop(t))
		assert.Empty(t, replica.Log.Of("limiter_outage_started"))
		assert.NotContains(t, replica.Log.Text(), redisserver.Password)
	}
}

func TestEvictingServerIsReported(t *testing.T) {
	server, url := startRedis(t)
	const problem = "maxmemory-policy is allkeys-lru"
	env := shared(url, nil)

	sound := check(t, env)
	assert.Equal(t, 0, sound.Status, "%s", sound.Output)
	assert.Contains(t, sound.Output, "redis, at most 10000 ms a decision")
	assert.Contains(t, sound.Output, "local: each replica decides alone")

	server.Do(t, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
	evicts := check(t, env)
	assert.Equal(t, 2, evicts.Status)
	assert.Contains(t, evicts.Output, problem)
	service := harness.Start(t, env)
	line := service.Log.AwaitLine(t, "the warning", func(line harness.Line) bool {
		return strings.Contains(line.String("problem"), problem)
	})
	assert.Equal(t, "configuration_warning", line.Event())
	assert.Equal(t, "OFFLOAD_REDIS_URL", line.String("variable"))

	server.Do(t, "ACL", "SETUSER", "sessiond", "-info")
	unknown := check(t, env)
	assert.Equal(t, 2, unknown.Status)
	assert.Contains(t, unknown.Output,
		"could not be asked for its maxmemory-policy (redis: refused: NOPERM)")

	for _, output := range []string{sound.Output, evicts.Output, unknown.Output, service.Log.Text(),
		harness.Run(t, env, "config").Output} {
		assert.NotContains(t, output, redisserver.Password)
	}
}

func TestCheckReportsAWrongPassword(t *testing.T) {
	server, _ := startRedis(t)
	wrong := check(t, shared("redis://sessiond:another-password@"+server.Addr(), nil))
	assert.Equal(t, 2, wrong.Status)
	assert.Contains(t, wrong.Output, "does not decide (redis: refused: WRONGPASS)")
	assert.NotContains(t, wrong.Output, "another-password")
	server.Kill()
	gone := check(t, shared("redis://sessiond:another-password@"+server.Addr(), nil))
	assert.Equal(t, 2, gone.Status)
	assert.Contains(t, gone.Output, "does not decide (redis: unreachable: connection refused)")
	assert.NotContains(t, gone.Output, "another-password")
	assert.NotContains(t, gone.Output, server.Addr())
}

func TestOutageIsReportedAndStaysReady(t *testing.T) {
	for _, policy := range []struct {
		name    string
		status  int
		headers bool
	}{
		{"local", http.StatusOK, true},
		{"deny", http.StatusServiceUnavailable, false},
		{"allow", http.StatusOK, false},
	} {
		t.Run(policy.name, func(t *testing.T) {
			server, url := startRedis(t)
			server.Kill() // the service starts during an outage
			service, cause := harness.StartOut(t, shared(url,
				harness.Env{"OFFLOAD_LIMITER_ON_OUTAGE": policy.name}))
			assert.Equal(t, "redis: unreachable: connection refused", cause)
			started := service.Log.Await(t, "limiter_outage_started")
			assert.Equal(t, policy.name, started.String("policy"))
			answer := service.Issue(t, "install-12345")
			assert.Equal(t, policy.status, answer.Status, "%s", answer.Body)
			assert.Equal(t, policy.headers, answer.Header.Get("RateLimit") != "")
			if policy.status == http.StatusServiceUnavailable {
				assert.Equal(t, "1", answer.Header.Get("Retry-After"))
			}
			status, found := service.Readiness(t)
			assert.Equal(t, http.StatusOK, status)
			assert.Regexp(t, "^ready: .*shared storage", found["limiter"])
			assert.EqualValues(t, 1, service.Metric(t,
				`offload_limiter_outage{policy="`+policy.name+`"}`))

			server.Restart(t)
			server.AddUser(t)
			assert.Equal(t, policy.name, service.Log.Await(t,
				"limiter_outage_ended").String("policy"))
			assert.EqualValues(t, 0, service.Metric(t,
				`offload_limiter_outage{policy="`+policy.name+`"}`))
			_, found = service.Readiness(t)
			assert.Equal(t, "ready", found["limiter"])
			assert.NotEmpty(t, service.Issue(t, "install-12345").Session(t).Token)
			keyspace := server.Do(t, "INFO", "keyspace")
			held, err := keyspace.ToString()
			require.NoError(t, err)
			assert.Contains(t, held, "db1:keys=",
				"the session must be counted in the database of the URL")
			require.Equal(t, 0, service.Stop(t))
			assert.Len(t, service.Log.Of("limiter_outage_started"), 1)
			assert.Len(t, service.Log.Of("limiter_outage_ended"), 1)
		})
	}
}

// TestHangingServerDoesNotPreventTheStart uses a server that accepts connections and never
// responds.
func TestHangingServerDoesNotPreventTheStart(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = silent.Close() })
	url := "redis://" + silent.Addr().String()
	service := harness.Start(t, shared(url, harness.Env{"OFFLOAD_SHUTDOWN_GRACE_SECONDS": "1"}))
	assert.Len(t, service.Log.Of("limiter_outage_started"), 1)
	assert.NotEmpty(t, service.Issue(t, "install-12345").Session(t).Token)
	assert.Equal(t, 0, service.Stop(t))

	check := harness.Run(t, shared(url, nil), "check", "--strict")
	assert.Equal(t, 2, check.Status)
	assert.Contains(t, check.Output, "does not decide (redis: timed_out)")
}

func TestCheckReportsAServerThatCannotDecide(t *testing.T) {
	server, url := startRedis(t)
	for name, c := range map[string]struct {
		breaks []string
		remedy string
	}{
		"READONLY": {[]string{"REPLICAOF", "127.0.0.1", "1"}, "name the master"},
		"NOPERM": {[]string{"ACL", "SETUSER", "sessiond", "-evalsha", "-eval"},
			"give the user the permissions"},
		"WRONGPASS": {[]string{"ACL", "SETUSER", "sessiond", "resetpass", ">another"},
			"correct user and password"},
	} {
		t.Run(name, func(t *testing.T) {
			server.Do(t, c.breaks...)
			checked := check(t, shared(url, nil))
			assert.Equal(t, 2, checked.Status)
			assert.Contains(t, checked.Output, "does not decide (redis: refused: "+name+")")
			assert.Contains(t, checked.Output, "remedy:  "+c.remedy)
			server.Do(t, "REPLICAOF", "NO", "ONE")
			server.AddUser(t)
			assert.Equal(t, 0, check(t, shared(url, nil)).Status)
		})
	}
}

func TestEvictingServerIsReportedAfterAnOutage(t *testing.T) {
	server, url := startRedis(t)
	service := harness.Start(t, shared(url, nil))
	server.Kill()
	harness.Poll(t, "an outage is logged", func() bool {
		service.Issue(t, "install-12345")
		return len(service.Log.Of("limiter_outage_started")) > 0
	})
	server.Restart(t)
	server.Do(t, "CONFIG", "SET", "maxmemory-policy", "volatile-ttl")
	server.AddUser(t)
	service.Log.Await(t, "limiter_outage_ended")
	line := service.Log.Await(t, "configuration_warning")
	assert.Contains(t, line.String("problem"), "maxmemory-policy is volatile-ttl")
}
