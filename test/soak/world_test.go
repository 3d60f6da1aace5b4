package soak_test

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/freeport"
	"github.com/offload/sessiond/test/harness/proxy"
	"github.com/offload/sessiond/test/harness/redisserver"
	"github.com/offload/sessiond/test/pki"
)

// The limits that the load reaches, and the window. They are the defaults, set here because the
// checks compute with them.
const (
	perAddress    = 32
	perInstall    = 4
	windowSeconds = 60
)

// storageTimeout is how long a decision of the storage may take, in milliseconds: ten times the
// default, because the storage shares the processors with all that it serves.
const storageTimeout = "500"

// lifetime is that of a session, in seconds: short, so that clients renew during the run.
const lifetime = 120

// world is the installation: replicas, the proxy, the application and the storage.
type world struct {
	folder   string
	env      harness.Env
	replicas [3]*replica
	nginx    *proxy.Server
	stores   [2]*redisserver.Server // the storage moves from the first to the second
	name     *name
	logs     *inspector
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{folder: t.TempDir(), logs: newInspector()}
	for i := range w.stores {
		w.stores[i] = redisserver.Start(t, "--appendonly", "yes", "--appendfsync", "no")
	}
	w.name = startName(t, w.stores[0].Addr())
	keyset := filepath.Join(w.folder, "keyset.json")
	chain, key := pki.New(t, "localhost").Write(t, w.folder)
	digestKey := filepath.Join(w.folder, "digest-key")
	require.NoError(t, os.WriteFile(digestKey,
		[]byte("uY5rTg8Hq2Wm6Zx9Ns3Ck7Bd1Vf4Jp0LaEoQiRtXy+c="), 0o600))
	w.env = harness.Env{
		"OFFLOAD_ENVIRONMENT":                        "production",
		"OFFLOAD_SESSION_KEYSET_FILE":                keyset,
		"OFFLOAD_SESSION_TTL_SECONDS":                strconv.Itoa(lifetime),
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP":         strconv.Itoa(perAddress),
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_INSTALL":    strconv.Itoa(perInstall),
		"OFFLOAD_SESSION_ISSUE_LIMIT_WINDOW_SECONDS": strconv.Itoa(windowSeconds),
		"OFFLOAD_LIMITER_DIGEST_KEY_FILE":            digestKey,
		"OFFLOAD_LIMITER_STORAGE":                    "redis",
		"OFFLOAD_REDIS_URL":                          "redis://" + w.name.address(),
		"OFFLOAD_REDIS_TIMEOUT_MS":                   storageTimeout,
		"OFFLOAD_LIMITER_ON_OUTAGE":                  "local",
		"OFFLOAD_TRUSTED_PROXIES":                    "127.0.0.1",
		"OFFLOAD_TLS_CERT_FILE":                      chain,
		"OFFLOAD_TLS_KEY_FILE":                       key,
	}
	w.keys(t, "create", "--alg", "EdDSA", "--kid", "first")
	for i := range w.replicas {
		w.replicas[i] = &replica{public: freeport.Address(t, "127.0.0.1"),
			ops: freeport.Address(t, "127.0.0.1"), env: w.env, inspect: w.logs.inspect}
	}
	// One logs all that it can, for the inspector.
	w.replicas[0].env = w.env.With(harness.Env{"OFFLOAD_LOG_LEVEL": "debug"})
	for _, r := range w.replicas {
		r.start(t)
	}
	w.startNginx(t, startApplication(t))
	return w
}

// keys runs a sessiond keys command, as an operator does.
func (w *world) keys(t testing.TB, args ...string) {
	t.Helper()
	harness.KeysCommand(t, w.env, args...)
}

// startNginx starts nginx with the example, which has one server where there are three now, as
// docs/proxies.md says, and TLS to them.
func (w *world) startNginx(t testing.TB, application string) {
	t.Helper()
	text, err := os.ReadFile("../../cmd/sessiond/deploy/nginx/sessiond.conf")
	require.NoError(t, err)
	servers := make([]string, 0, len(w.replicas))
	for _, r := range w.replicas {
		servers = append(servers, "server "+r.public+" max_fails=0;")
	}
	w.nginx = proxy.StartNginx(t, "127.0.0.1", func(addr string) string {
		config := string(text)
		for _, change := range [][2]string{
			{"\tserver 127.0.0.1:8080;", "\t" + strings.Join(servers, "\n\t")},
			{"\tserver 127.0.0.1:3000;", "\tserver " + application + ";"},
			{"\tlisten 80;", "\tlisten " + addr + ";"},
			{"proxy_pass http://sessiond", "proxy_pass https://sessiond"},
		} {
			require.Contains(t, config, change[0])
			config = strings.ReplaceAll(config, change[0], change[1])
		}
		return config
	})
}

// startApplication starts an application that answers with the session headers that it received.
func startApplication(t testing.TB) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Session", r.Header.Get("X-Session-Install-Id"))
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// serial returns the serial number of the certificate that a new connection to the replica gets.
func (r *replica) serial(t testing.TB) string {
	t.Helper()
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: deadline}, "tcp", r.public,
		&tls.Config{InsecureSkipVerify: true}) // looked at, not trusted
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
}
