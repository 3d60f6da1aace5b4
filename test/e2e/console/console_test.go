package console_test

import (
	"net/http"
	"strings"
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
	Notices []struct{ Status, Summary string }
	Traffic struct {
		Issued, Renewed, Refused []int
		LastMinute               struct{ Issued, Renewed, Refused int } `json:"last_minute"`
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

// TestHosts shows that a web page that reaches the listener by a name of its own reads nothing, and
// that probes and scrapers may use any name.
func TestHosts(t *testing.T) {
	service := harness.Serve(t, harness.Env{"OFFLOAD_OPS_HOSTS": "ops.example.com"})
	ask := func(host, path string) int {
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
		assert.Equal(t, http.StatusOK, ask("ops.example.com:9090", path))
		assert.Equal(t, http.StatusOK, ask("localhost", path))
		assert.Equal(t, http.StatusMisdirectedRequest, ask("attacker.example", path))
	}
	for _, path := range []string{"/metrics", "/livez", "/readyz"} {
		assert.Equal(t, http.StatusOK, ask("attacker.example", path))
	}
	line := service.Log.Await(t, "console_refused")
	assert.Equal(t, "OFFLOAD_OPS_HOSTS", line.String("variable"))
	assert.NotContains(t, service.Log.Text(), "attacker")
}
