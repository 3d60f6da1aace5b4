package console_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

// shown is a part of console.json.
type shown struct {
	Status  string
	Ready   bool
	Notices []struct{ Status, Summary, Runbook string }
	Traffic struct {
		Issued, Renewed, Refused, Failed []int
		LastMinute                       struct {
			Issued, Renewed, Refused, Answered, Failed int
		} `json:"last_minute"`
		Shed []struct {
			Name  string
			Count int
		}
	}
	Limits struct {
		Mode       string
		Dimensions []struct {
			Name           string
			Limit, Refused int
		}
		Installations []struct {
			Hash    string `json:"install_id_hash"`
			AtLeast int    `json:"refused_at_least"`
		}
		InstallationsRefused int `json:"installations_refused"`
	}
	Storage  struct{ Kind string }
	Keys     []struct{ ID, Algorithm, State string }
	Warnings []struct{ Variable, Remedy string }
}

func sum(counts []int) int {
	all := 0
	for _, n := range counts {
		all += n
	}
	return all
}

// TestConsole counts what a service did, by both forms of the console.
func TestConsole(t *testing.T) {
	service := harness.Serve(t, harness.BehindProxy(harness.Env{
		"OFFLOAD_SESSION_ISSUE_LIMIT_MODE": "enforce", "OFFLOAD_SESSION_TTL_SECONDS": "90000"}))
	token := service.Token(t, "install-00000001", harness.ForwardedFor("203.0.113.9"))
	service.Clock.Advance(2 * time.Minute)
	service.Issue(t, "install-00000001", harness.Bearer(token)).Session(t)
	for range 20 {
		service.Issue(t, "install-00000002", harness.ForwardedFor("203.0.113.9"))
	}
	service.Clock.Advance(2 * time.Second)
	var got shown
	service.Operations(t, http.MethodGet, "/console.json").Decode(t, &got)
	assert.Equal(t, "attention", got.Status)
	assert.True(t, got.Ready)
	assert.Equal(t, 1+4, sum(got.Traffic.Issued))
	assert.Equal(t, 1, sum(got.Traffic.Renewed))
	assert.Equal(t, 16, sum(got.Traffic.Refused))
	assert.Equal(t, 4, got.Traffic.LastMinute.Issued)
	assert.Equal(t, 16, got.Traffic.LastMinute.Refused)
	require.Len(t, got.Limits.Dimensions, 5)
	assert.Equal(t, "install_id", got.Limits.Dimensions[2].Name)
	assert.Equal(t, 16, got.Limits.Dimensions[2].Refused)
	require.Len(t, got.Limits.Installations, 1)
	assert.Equal(t, 16, got.Limits.Installations[0].AtLeast)
	throttled := service.Log.Of("session_issuance_throttled")
	assert.Equal(t, throttled[0].String("install_id_hash"), got.Limits.Installations[0].Hash,
		"the console names an installation as the log does")
	assert.Equal(t, "memory", got.Storage.Kind)
	assert.Equal(t, "signing", got.Keys[0].State)
	require.Len(t, got.Warnings, 3) // the development environment brings two of them
	assert.Equal(t, "OFFLOAD_SESSION_TTL_SECONDS", got.Warnings[2].Variable)
	assert.NotEmpty(t, got.Warnings[2].Remedy)

	page := service.Operations(t, http.MethodGet, "/").Body
	assert.Contains(t, page, "Limits refuse 76 % of requests, most by install_id")
	assert.Contains(t, page, "OFFLOAD_SESSION_TTL_SECONDS")
	for _, text := range []string{page, service.Operations(t, http.MethodGet, "/console.json").Body} {
		for _, hidden := range []string{"203.0.113.9", "install-0000000", token,
			strings.Split(token, ".")[1], service.Public} {
			assert.NotContains(t, text, hidden)
		}
	}
	assert.Contains(t, service.Operations(t, http.MethodGet, "/console.css").Body, "prefers-color-scheme")
}

// sample matches a line of the format of Prometheus: the name, the labels and the value.
var sample = regexp.MustCompile(`(?m)^(offload_[a-z_]+)(?:\{(.*)\})? (\S+)$`)

// metrics returns the counters of a service. A selector is a name, or a name with one label.
func metrics(t *testing.T, service *harness.InProcess) (sum func(name, label string) int) {
	t.Helper()
	samples := sample.FindAllStringSubmatch(service.Operations(t, http.MethodGet, "/metrics").Body, -1)
	return func(name, label string) int {
		all := 0
		for _, s := range samples {
			if s[1] == name && strings.Contains(s[2], label) {
				n, err := strconv.ParseFloat(s[3], 64)
				require.NoError(t, err)
				all += int(n)
			}
		}
		return all
	}
}

// TestAgreesWithMetrics has many clients at once do everything that is counted, and compares each
// number of the console with that of Prometheus.
func TestAgreesWithMetrics(t *testing.T) {
	service := harness.Serve(t, harness.BehindProxy(harness.Env{
		"OFFLOAD_SESSION_ISSUE_LIMIT_MODE": "enforce", "OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP": "20"}))
	var clients sync.WaitGroup
	for client := range 16 {
		clients.Go(func() {
			address := harness.ForwardedFor(fmt.Sprintf("203.0.113.%d", client%4))
			for n := range 25 {
				install := fmt.Sprintf("install-%d-%d", client, n/7)
				answer := service.Issue(t, install, address)
				if answer.Status != http.StatusOK {
					continue
				}
				token := answer.Session(t).Token
				service.Issue(t, install, address, harness.Bearer(token))
				service.Current(t, harness.Bearer(token+"x"))
			}
		})
		if client == 8 {
			service.Clock.Advance(7 * time.Second)
		}
	}
	harness.Wait(t, "the clients have their responses", &clients)
	service.Clock.Advance(2 * time.Second)
	var got shown
	harness.Poll(t, "the last answers are counted", func() bool {
		service.Clock.Advance(time.Second)
		service.Operations(t, http.MethodGet, "/console.json").Decode(t, &got)
		return got.Traffic.LastMinute.Answered == metrics(t, service)("offload_http_requests_total",
			`route="/v1/`)
	})
	count := metrics(t, service)
	assert.NotZero(t, count("offload_session_throttled_total", ""))
	assert.Equal(t, count("offload_sessions_issued_total", `kind="new"`), sum(got.Traffic.Issued))
	assert.Equal(t, count("offload_sessions_issued_total", `kind="renewed"`), sum(got.Traffic.Renewed))
	assert.Equal(t, count("offload_session_throttled_total", ""), sum(got.Traffic.Refused))
	assert.Equal(t, sum(got.Traffic.Refused), got.Limits.InstallationsRefused)
	assert.Equal(t, sum(got.Traffic.Issued), got.Traffic.LastMinute.Issued)
	assert.Equal(t, sum(got.Traffic.Renewed), got.Traffic.LastMinute.Renewed)
	assert.Equal(t, sum(got.Traffic.Refused), got.Traffic.LastMinute.Refused)
	for _, dimension := range got.Limits.Dimensions {
		assert.Equal(t, count("offload_session_throttled_total", `dimension="`+dimension.Name+`"`),
			dimension.Refused, dimension.Name)
	}
	assert.Zero(t, got.Traffic.LastMinute.Failed)
	for _, shed := range got.Traffic.Shed {
		assert.Equal(t, count("offload_http_shed_total", `budget="`+shed.Name+`"`), shed.Count, shed.Name)
	}
}

// TestSaysWhatFails shows requests that the service answers with 5xx.
func TestSaysWhatFails(t *testing.T) {
	keyset := harness.NewKeyset(t, harness.HS256Key("first", harness.StrongSecret, harness.Noon))
	service := harness.Serve(t, keyset.Env(nil))
	keyset.Put(t, harness.HS256Key("later", harness.StrongSecret, harness.Noon.Add(time.Hour)))
	service.Log.Await(t, "keys_signer_missing")
	for n := range 12 {
		assert.Equal(t, http.StatusServiceUnavailable,
			service.Issue(t, fmt.Sprintf("install-%08d", n)).Status)
	}
	var got shown
	harness.Poll(t, "the answers are counted", func() bool {
		service.Clock.Advance(time.Second)
		service.Operations(t, http.MethodGet, "/console.json").Decode(t, &got)
		return got.Traffic.LastMinute.Failed == 12
	})
	assert.Equal(t, metrics(t, service)("offload_http_requests_total", `status="503"`),
		sum(got.Traffic.Failed))
	assert.Equal(t, "critical", got.Status)
	assert.Equal(t, "No key signs: no sessions are issued", got.Notices[0].Summary)
	assert.Equal(t, "SessiondNoSigner", got.Notices[0].Runbook)
	assert.Equal(t, "SessiondErrors", got.Notices[1].Runbook)
}

// TestForgetsInMemory fills the limiter's memory.
func TestForgetsInMemory(t *testing.T) {
	service := harness.Serve(t, harness.BehindProxy(harness.Env{
		"OFFLOAD_LIMITER_MAX_SUBJECTS": "300", "OFFLOAD_SESSION_RENEWAL_LIMIT_PER_IP": "100"}))
	for n := range 700 {
		service.Issue(t, fmt.Sprintf("install-%08d", n),
			harness.ForwardedFor(fmt.Sprintf("11.0.%d.%d", n/250, n%250))).Session(t)
	}
	service.Clock.Advance(2 * time.Second)
	var got shown
	service.Operations(t, http.MethodGet, "/console.json").Decode(t, &got)
	require.Len(t, got.Notices, 1)
	assert.Equal(t, "SessiondLimiterForgets", got.Notices[0].Runbook)
	assert.NotZero(t, metrics(t, service)("offload_limiter_forgotten_total", ""))
	service.Clock.Advance(2 * time.Minute)
	service.Operations(t, http.MethodGet, "/console.json").Decode(t, &got)
	assert.Equal(t, "ok", got.Status)
}

// TestHosts shows that a web page that reaches the listener by a name of its own reads nothing, and
// that probes and scrapers may use any name.
func TestHosts(t *testing.T) {
	service := harness.Serve(t, harness.Env{"OFFLOAD_OPS_HOSTS": "ops.example.com"})
	status := func(host, path string) int {
		request, err := http.NewRequest(http.MethodGet, "http://"+service.Ops+path, http.NoBody)
		require.NoError(t, err)
		request.Host = host
		transport := &http.Transport{DisableKeepAlives: true}
		answer, err := transport.RoundTrip(request)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		return answer.StatusCode
	}
	for _, path := range []string{"/", "/console.json"} {
		assert.Equal(t, http.StatusOK, status("ops.example.com:9090", path))
		assert.Equal(t, http.StatusOK, status("localhost", path))
		assert.Equal(t, http.StatusMisdirectedRequest, status("attacker.example", path))
	}
	for _, path := range []string{"/metrics", "/livez", "/readyz"} {
		assert.Equal(t, http.StatusOK, status("attacker.example", path))
	}
	line := service.Log.Await(t, "console_refused")
	assert.Equal(t, "OFFLOAD_OPS_HOSTS", line.String("variable"))
	assert.NotContains(t, service.Log.Text(), "attacker")
}
