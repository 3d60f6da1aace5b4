package tuning_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/cli"
	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/redisserver"
)

// environ returns an environment in the form of os.Environ.
func environ(env harness.Env) []string {
	var list []string
	for name, value := range env {
		list = append(list, name+"="+value)
	}
	return list
}

// explain runs limits explain and returns its report.
func explain(t *testing.T, env harness.Env, args ...string) cli.ExplainReport {
	t.Helper()
	status, stdout, stderr := run(t, environ(env), append([]string{"limits", "explain", "--format",
		"json"}, args...)...)
	require.Zero(t, status, stderr)
	var report cli.ExplainReport
	require.NoError(t, json.Unmarshal([]byte(stdout), &report))
	return report
}

// TestExplainASharedStorage explains limits of a client with the permissions of the service: it
// shows what the service counts, and changes nothing.
func TestExplainASharedStorage(t *testing.T) {
	server := redisserver.Start(t)
	url := server.AddUser(t)
	env := harness.Production(harness.BehindProxy(harness.Env{
		"OFFLOAD_LIMITER_STORAGE":                    "redis",
		"OFFLOAD_REDIS_URL":                          url,
		"OFFLOAD_LIMITER_DIGEST_KEY":                 harness.OtherSecret,
		"OFFLOAD_REDIS_TIMEOUT_MS":                   "10000",
		"OFFLOAD_SESSION_ISSUE_LIMIT_WINDOW_SECONDS": "86400",
	}))
	client := []string{"--address", "127.0.0.1", "--forwarded", "203.0.113.5, 127.0.0.1"}
	withInstall := append([]string{"--install-id", "install-12345"}, client...)
	for _, limit := range explain(t, env, withInstall...).Limits {
		require.NotNil(t, limit.State, limit.Dimension)
		assert.Equal(t, limit.Limit, limit.State.Remaining)
		assert.Empty(t, limit.State.Since)
	}
	assert.Zero(t, size(t, server), "explain writes nothing")

	service := harness.Serve(t, env)
	token := service.Token(t, "install-12345", harness.ForwardedFor("203.0.113.5"))
	service.Token(t, "install-67890", harness.ForwardedFor("203.0.113.5"))
	service.Token(t, "install-12345", harness.ForwardedFor("203.0.113.5"), harness.Bearer(token))
	keys := size(t, server)
	for range 5 {
		report := explain(t, env, withInstall...)
		remaining := map[string]int{}
		for _, limit := range report.Limits {
			remaining[limit.Dimension] = limit.State.Remaining
			assert.Positive(t, limit.State.GrowsAfterSeconds)
			assert.NotEmpty(t, limit.State.Since)
		}
		assert.Equal(t, map[string]int{"ip": 30, "network": 2046, "install_id": 3, "renewal": 1,
			"renewal_ip": 9999}, remaining)
		assert.Equal(t, "203.0.113.5", report.Client)
		assert.Equal(t, "203.0.113.5/32", report.Prefix)
		assert.Equal(t, "203.0.113.0/24", report.Network)
		assert.True(t, report.Trusted)
	}
	assert.Len(t, explain(t, env, client...).Limits, 3, "those by installation are left out")
	assert.Equal(t, keys, size(t, server))
}

func size(t *testing.T, server *redisserver.Server) int {
	t.Helper()
	all := server.Do(t, "KEYS", "sessiond:*")
	keys, err := all.AsStrSlice()
	require.NoError(t, err)
	// The probe of the service leaves keys of its own for a second.
	var lasting int
	for _, key := range keys {
		left := server.Do(t, "PTTL", key)
		if milliseconds, err := left.AsInt64(); err == nil && milliseconds > 60_000 {
			lasting++
		}
	}
	return lasting
}

func TestExplainWithoutASharedStorage(t *testing.T) {
	report := explain(t, harness.Env{"OFFLOAD_SESSION_ISSUE_LIMIT_PER_NETWORK": "0"}, "--address",
		"2001:db8:1:2:3::4", "--forwarded", "203.0.113.5", "--install-id", "install-12345")
	assert.Equal(t, "2001:db8:1:2:3::4", report.Client)
	assert.Equal(t, "2001:db8:1:2::/64", report.Prefix)
	var dimensions []string
	for _, limit := range report.Limits {
		dimensions = append(dimensions, limit.Dimension)
		assert.Nil(t, limit.State)
	}
	assert.Equal(t, []string{"ip", "install_id", "renewal", "renewal_ip"}, dimensions)
	assert.Len(t, report.Notes, 2)
	status, stdout, stderr := run(t, nil, "limits", "explain", "--address", "203.0.113.5",
		"--install-id", "install-12345")
	assert.Zero(t, status, stderr)
	golden(t, "explained.txt", stdout)
}

// TestExplainNeedsOnlyWhatItUses explains limits with a configuration that the service would not
// start with: only what is wrong with the limits, the proxies and the storage matters.
func TestExplainNeedsOnlyWhatItUses(t *testing.T) {
	env := harness.Env{"OFFLOAD_ENVIRONMENT": "production", "OFFLOAD_SESSION_TTL_SECONDS": "x",
		"OFFLOAD_TRUSTED_PROXIES": "10.0.0.7", "OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP": "5"}
	report := explain(t, env, "--address", "::ffff:10.0.0.7", "--forwarded",
		`203.0.113.5, "[2001:db8::1]:4711", 10.0.0.7`)
	assert.True(t, report.Trusted)
	assert.Equal(t, "2001:db8::1", report.Client)
	assert.Equal(t, 5, report.Limits[0].Limit)
	for name, value := range map[string]string{"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP": "x",
		"OFFLOAD_TRUSTED_PROXIES": "10.0.0.7.9", "OFFLOAD_LIMITER_STORAGE": "disk",
		"OFFLOAD_CONFIG_FILE": "/none"} {
		status, stdout, stderr := run(t, environ(env.With(harness.Env{name: value})), "limits",
			"explain", "--address", "203.0.113.5")
		assert.Equal(t, 1, status, name)
		assert.Empty(t, stdout)
		assert.Contains(t, stderr, "fault: "+name)
		assert.NotContains(t, stderr, "SECRET")
	}
	env = harness.Env{"OFFLOAD_ENVIRONMENT": "production", "OFFLOAD_LIMITER_STORAGE": "redis"}
	_, _, stderr := run(t, environ(env), "limits", "explain", "--address", "203.0.113.5")
	assert.Contains(t, stderr, "fault: OFFLOAD_REDIS_URL")
	assert.Contains(t, stderr, "fault: OFFLOAD_LIMITER_DIGEST_KEY")
}

// TestExplainCannotFindWhatARandomKeyHides checks that limits are not shown as untouched when what
// the service counts cannot be found.
func TestExplainCannotFindWhatARandomKeyHides(t *testing.T) {
	report := explain(t, harness.Env{"OFFLOAD_LIMITER_STORAGE": "redis",
		"OFFLOAD_REDIS_URL": "redis://127.0.0.1:1"}, "--address", "203.0.113.5")
	for _, limit := range report.Limits {
		assert.Nil(t, limit.State)
	}
	assert.Contains(t, report.Notes[len(report.Notes)-1], "random")
}

// TestExplainBehindAUnixSocket explains limits of a client whose proxy has no address.
func TestExplainBehindAUnixSocket(t *testing.T) {
	env := harness.Env{"OFFLOAD_ENVIRONMENT": "production",
		"OFFLOAD_HTTP_ADDR": "unix:/run/sessiond/http.sock"}
	report := explain(t, env, "--forwarded", "192.0.2.1, 203.0.113.5")
	assert.Equal(t, "203.0.113.5", report.Client)
	assert.True(t, report.Trusted)
	assert.Equal(t, []string{"unix", "203.0.113.5/32", "203.0.113.0/24"},
		[]string{report.Peer, report.Prefix, report.Network})
	report = explain(t, env, "--forwarded", "unknown")
	assert.Empty(t, report.Client+report.Prefix+report.Network)
	require.Len(t, report.Limits, 3)
	for _, limit := range report.Limits {
		assert.Equal(t, "no address", limit.Subject)
	}
	assert.Contains(t, report.Notes[0], "count as one")
	report = explain(t, env, "--address", "10.0.0.7", "--forwarded", "203.0.113.5")
	assert.Contains(t, report.Notes[1], "leave out --address")
}

// TestWrongInput gives the commands what they cannot use: each time one line, and nothing written.
func TestWrongInput(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	log := write("log", `203.0.113.5 - - [30/Nov/2026:13:00:05 +0100] "GET / HTTP/1.1" 200 5 "-" "-"`)
	trace := write("trace", `{"sessiond_trace":1,"mode":"observe","window_seconds":60,`+
		`"limits":{"ip":2}}`+"\n")
	later := write("later", `{"sessiond_trace":2,"mode":"observe"}`+"\n")
	damaged := write("damaged", `{"sessiond_trace":1`)
	text := write("text", "no log\n")
	empty := write("empty", "")
	tail := write("tail", "96040005123456789 granted ip=AAAAAAAAAAAAAAAAAAAAAA\n"+
		"5 1796040005123456789 granted ip=AAAAAAAAAAAAAAAAAAAAAA\n")
	older := write("older",
		`203.0.113.5 - - [29/Nov/2026:13:00:05 +0100] "GET / HTTP/1.1" 200 5 "-" "-"`)
	gzip := write("gzip", "\x1f\x8b\x08\x00")
	link := filepath.Join(folder, "link.svg")
	require.NoError(t, os.Symlink("/dev/null", link))
	before, err := os.ReadDir(folder)
	require.NoError(t, err)
	plot := filepath.Join(folder, "out.svg")
	for _, c := range []struct {
		status int
		want   string
		args   []string
	}{
		{64, "give --per-ip or --per-network", []string{"simulate", log}},
		{64, "from 1 to 10000", []string{"simulate", "--per-ip", "", log}},
		{64, "from 1 to 10000", []string{"simulate", "--per-ip", "0", log}},
		{64, "from 1 to 10000", []string{"simulate", "--per-ip", "1,,2", log}},
		{64, "from 0 to 100000", []string{"simulate", "--per-network", "-1", log}},
		{64, "give --per-ip or --per-network", []string{"simulate", "--per-network", "0", log}},
		{64, "from 1s to 86400s", []string{"simulate", "--per-ip", "1", "--window", "0s", log}},
		{64, "from 1s to 86400s", []string{"simulate", "--per-ip", "1", "--window", "60", log}},
		{64, "at most 256", []string{"simulate", "--per-ip", numbers(17), "--per-network",
			numbers(17), log}},
		{64, "leave out --per-install", []string{"simulate", "--per-install", "1", log}},
		{64, "such as 0.1%", []string{"simulate", "--per-ip", "1", "--suggest", "200%", log}},
		{64, "such as 0.1%", []string{"simulate", "--per-ip", "1", "--suggest", "1", log}},
		{64, "must be text, json or csv", []string{"simulate", "--format", "xml", log}},
		{1, "no such file or directory", []string{"simulate", "--per-ip", "1", log,
			filepath.Join(folder, "none")}},
		{1, "is a directory", []string{"simulate", "--per-ip", "1", folder}},
		{1, "has no line that can be read", []string{"simulate", "--per-ip", "1", text}},
		{1, "is empty", []string{"simulate", empty}},
		{1, "version 2 of the format, and this sessiond reads version 1",
			[]string{"simulate", later}},
		{1, "the first line of the trace is damaged", []string{"simulate", damaged}},
		{1, "is a part of a trace", []string{"simulate", "--per-ip", "1", tail}},
		{1, "is older than the file before it", []string{"simulate", "--per-ip", "1", log, older}},
		{1, "is compressed", []string{"simulate", "--per-ip", "1", gzip}},
		{1, "is not a regular file", []string{"simulate", "--per-ip", "1", "--plot", folder, log}},
		{1, "is not a regular file", []string{"simulate", "--per-ip", "1", "--plot", link, log}},
		{1, "it is what is read", []string{"simulate", "--per-ip", "1", "--plot", log, log}},
		{1, "is of another kind", []string{"simulate", "--per-ip", "1", log, trace}},
		{1, "no such file or directory", []string{"simulate", "--per-ip", "1", "--plot",
			filepath.Join(folder, "none", "out.svg"), log}},
		{64, "--address is missing", []string{"explain"}},
		{64, "--address must be an address", []string{"explain", "--address", "203.0.113"}},
		{64, "--install-id must have", []string{"explain", "--address", "::1", "--install-id",
			"short"}},
		{64, "missing command", nil},
		{64, "unknown command", []string{"simluate"}}, //nolint:misspell // as an operator does
	} {
		args := append([]string{"limits"}, c.args...)
		if len(c.args) > 0 && c.args[0] == "simulate" && !slices.Contains(c.args, "--plot") {
			args = append(args, "--plot", plot)
		}
		status, stdout, stderr := run(t, nil, args...)
		assert.Equal(t, c.status, status, args)
		assert.Contains(t, stderr, c.want, args)
		assert.Equal(t, 1, strings.Count(stderr, "\n"), args)
		assert.Empty(t, stdout, args)
	}
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	assert.Len(t, entries, len(before), "nothing was written")
}

// numbers returns a list of n numbers.
func numbers(n int) string {
	var list []string
	for i := range n {
		list = append(list, strings.Repeat("1", 1+i/9)+string(rune('1'+i%9)))
	}
	return strings.Join(list, ",")
}
