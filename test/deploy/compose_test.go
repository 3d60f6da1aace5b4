package deploy

import (
	"bufio"
	"io"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/redisserver"
)

// compose reads the example with the library of Compose, which checks it against the schema and for
// references that lead nowhere.
func compose(t *testing.T, env ...string) (*types.Project, error) {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{examples + "compose/compose.yaml"},
		cli.WithEnv(env), cli.WithResolvedPaths(true), cli.WithConsistency(true))
	require.NoError(t, err)
	return options.LoadProject(t.Context())
}

func TestComposeFile(t *testing.T) {
	_, err := compose(t)
	require.ErrorContains(t, err, "set it to the version", "a version must be named")
	project, err := compose(t, "SESSIOND_VERSION=1.2.3")
	require.NoError(t, err)
	service := project.Services["sessiond"]
	assert.Equal(t, "sessiond:1.2.3", service.Image)
	assert.Equal(t, "65532:65532", service.User)
	assert.True(t, service.ReadOnly)
	assert.Equal(t, []string{"ALL"}, service.CapDrop)
	assert.Less(t, 25*time.Second, time.Duration(*service.StopGracePeriod))
	require.Len(t, service.Volumes, 1)
	assert.True(t, service.Volumes[0].ReadOnly)
	require.Len(t, service.Ports, 1)
	assert.Equal(t, "127.0.0.1", service.Ports[0].HostIP, "plain HTTP is for a proxy on this host")

	assertIgnored(t, filepath.Join(filepath.Base(service.Volumes[0].Source), "keyset.json"))
	require.Len(t, project.Secrets, 3)
	for _, secret := range project.Secrets {
		assertIgnored(t, filepath.Base(secret.File))
	}
}

// TestComposeNetworks checks who reaches what: a trusted proxy is in a small network that the file
// declares, Redis and the operations listener are in others, which lead nowhere else.
func TestComposeNetworks(t *testing.T) {
	project, err := compose(t, "SESSIOND_VERSION=1.2.3")
	require.NoError(t, err)
	service := project.Services["sessiond"]
	assert.True(t, project.Networks["storage"].Internal)
	assert.True(t, project.Networks["operations"].Internal)
	joined := func(service string) []string {
		return slices.Sorted(maps.Keys(project.Services[service].Networks))
	}
	assert.Equal(t, []string{"storage"}, joined("redis"))
	assert.Equal(t, []string{"operations", "proxy", "storage"}, joined("sessiond"))

	declared := func(network string) netip.Prefix {
		configs := project.Networks[network].Ipam.Config
		require.Len(t, configs, 1, network)
		return netip.MustParsePrefix(configs[0].Subnet)
	}
	proxies, operations := declared("proxy"), declared("operations")
	assert.False(t, proxies.Overlaps(operations))
	assert.Equal(t, proxies.String(), *service.Environment["OFFLOAD_TRUSTED_PROXIES"])
	assert.GreaterOrEqual(t, proxies.Bits(), 29)

	listener := netip.MustParseAddrPort(*service.Environment["OFFLOAD_OPS_ADDR"])
	assert.Equal(t, service.Networks["operations"].Ipv4Address, listener.Addr().String())
	assert.True(t, operations.Contains(listener.Addr()))
	assert.False(t, netip.MustParsePrefix(project.Networks["operations"].Ipam.Config[0].IPRange).
		Contains(listener.Addr()), "another container could get the address")
	page, err := os.ReadFile(pages + "deploy.md")
	require.NoError(t, err)
	assert.Contains(t, string(page), "scrapes `"+listener.String()+"`")
}

// TestComposeServes makes the secrets as the page says, and starts the service with the environment
// of the example, and with a Redis that has the options of the example. Paths and addresses are
// replaced by those of the test.
func TestComposeServes(t *testing.T) {
	project, err := compose(t, "SESSIOND_VERSION=1.2.3")
	require.NoError(t, err)
	folder := filepath.Join(follow(t, "One machine with Compose").srv, "sessiond")
	secret := func(path string) string {
		name, isSecret := strings.CutPrefix(path, "/run/secrets/")
		require.True(t, isSecret, path)
		require.Contains(t, project.Secrets, name)
		return filepath.Join(folder, filepath.Base(project.Secrets[name].File))
	}
	command := slices.Clone(project.Services["redis"].Command)
	require.Equal(t, "redis-server", command[0])
	list := slices.Index(command, "--aclfile") + 1
	require.Positive(t, list)
	command[list] = secret(command[list])
	redis := redisserver.Start(t, command[1:]...)
	assertClosed(t, redis.Addr())

	env := harness.Env{}
	for name, value := range project.Services["sessiond"].Environment {
		require.NotNil(t, value, name)
		env[name] = *value
	}
	for _, variable := range []string{"OFFLOAD_REDIS_URL_FILE", "OFFLOAD_LIMITER_DIGEST_KEY_FILE"} {
		env[variable] = secret(env[variable])
	}
	url, err := os.ReadFile(env["OFFLOAD_REDIS_URL_FILE"])
	require.NoError(t, err)
	require.Contains(t, string(url), "@redis:6379")
	require.NoError(t, os.WriteFile(env["OFFLOAD_REDIS_URL_FILE"],
		[]byte(strings.Replace(string(url), "redis:6379", redis.Addr(), 1)), 0o600))
	require.Equal(t, "/etc/sessiond/keyset.json", env["OFFLOAD_SESSION_KEYSET_FILE"])
	env["OFFLOAD_SESSION_KEYSET_FILE"] = filepath.Join(folder, "keyset", "keyset.json")

	assertStrict(t, env)
	process := harness.StartSharing(t, env.With(harness.Env{"OFFLOAD_HTTP_ADDR": "127.0.0.1:0",
		"OFFLOAD_OPS_ADDR": "127.0.0.1:0"}))
	process.RequireHealthy(t)
	process.Issue(t, "install-12345")
	assert.Empty(t, process.Log.Of("configuration_warning"), "%s", process.Log.Text())
	assert.Empty(t, process.Log.Of("limiter_outage_started"), "%s", process.Log.Text())
	assert.Zero(t, process.Stop(t))
}

// assertClosed fails unless a client without a password can ping a server, and nothing else.
func assertClosed(t *testing.T, address string) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, harness.Timeout)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(harness.Timeout)))
	_, err = io.WriteString(conn, "PING\r\nGET sessiond:x\r\nACL LIST\r\n")
	require.NoError(t, err)
	answers := bufio.NewReader(conn)
	for _, wanted := range []string{"+PONG", "-NOPERM", "-NOPERM"} {
		line, err := answers.ReadString('\n')
		require.NoError(t, err)
		assert.True(t, strings.HasPrefix(line, wanted), "%s: %s", wanted, line)
	}
}

// assertStrict fails unless sessiond check --strict passes with the environment of a deployment.
func assertStrict(t *testing.T, env harness.Env) {
	t.Helper()
	checked := harness.Run(t, harness.Env{"OFFLOAD_HTTP_ADDR": ":8080",
		// The machine may allow fewer connections than the default.
		"OFFLOAD_HTTP_MAX_CONNECTIONS": "4000"}.With(env), "check", "--strict")
	assert.Zero(t, checked.Status, "%s", checked.Output)
	assert.Contains(t, checked.Output, "The configuration is valid.")
}
