package watch

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/freeport"
	"github.com/offload/sessiond/test/harness/redisserver"
	"github.com/offload/sessiond/test/pki"
)

// fleet is a number of replicas, each of which can fail in ways of its own.
type fleet struct {
	targets  map[string]string // the operations listeners, by instance
	clients  []func(t *testing.T)
	troubles []*trouble
}

// trouble is something that goes wrong.
type trouble struct {
	begin func(t *testing.T)
	step  func(t *testing.T) // what clients do meanwhile; may be nil
	end   func(t *testing.T)
	began bool
}

func startFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{targets: map[string]string{}}
	f.addShared(t)
	f.addKeys(t)
	f.addCertificate(t)
	f.addCrowded(t)
	f.addUnread(t)
	f.addGone(t)
	f.addRestarting(t)
	f.addTraced(t)
	return f
}

// work sends the requests of one round.
func (f *fleet) work(t *testing.T) {
	t.Helper()
	for _, client := range f.clients {
		client(t)
	}
	for _, one := range f.troubles {
		if one.began && one.step != nil {
			one.step(t)
		}
	}
}

func (f *fleet) trouble(begin, step, end func(t *testing.T)) {
	one := &trouble{step: step, end: end}
	one.begin = func(t *testing.T) {
		begin(t)
		one.began = true
	}
	f.troubles = append(f.troubles, one)
}

// nothing is a trouble's begin or end if its step is all there is to it.
func nothing(*testing.T) {}

// addShared adds a replica with Redis over TLS. The server is killed, and the file with the trusted
// authorities becomes invalid.
func (f *fleet) addShared(t *testing.T) {
	pair := pki.New(t, "127.0.0.1")
	server, port := redisserver.StartTLS(t, redisserver.TLS{Pair: pair})
	authority, _ := pair.Write(t, t.TempDir())
	service := harness.StartSharing(t, harness.BehindProxy(harness.Env{
		"OFFLOAD_LIMITER_STORAGE":    "redis",
		"OFFLOAD_REDIS_URL":          fmt.Sprintf("rediss://127.0.0.1:%d", port),
		"OFFLOAD_REDIS_TLS_CA_FILE":  authority,
		"OFFLOAD_REDIS_TIMEOUT_MS":   "10000",
		"OFFLOAD_LIMITER_ON_OUTAGE":  "deny",
		"OFFLOAD_LIMITER_DIGEST_KEY": harness.OtherSecret}))
	f.targets["shared"] = service.Ops
	n := 0
	f.clients = append(f.clients, func(t *testing.T) {
		n++
		answer := service.Issue(t, harness.InstallID(n), harness.FromClient(n))
		assert.Contains(t, []int{http.StatusOK, http.StatusServiceUnavailable}, answer.Status)
		service.Current(t, harness.Bearer("no token"))
	})
	f.trouble(func(t *testing.T) {
		server.Kill()
		pki.Replace(t, authority, []byte("nothing"))
	}, nil, func(t *testing.T) {
		pki.Replace(t, authority, pair.Chain)
		server.Restart(t)
	})
}

// addKeys adds a replica whose only key gets an end and whose keyset then becomes invalid, and one
// whose only key becomes pending.
func (f *fleet) addKeys(t *testing.T) {
	good := harness.HS256Key("good", harness.StrongSecret, time.Now().Add(-time.Hour))
	set, pending := harness.NewKeyset(t, good), harness.NewKeyset(t, good)
	ending := harness.Start(t, set.Env(nil))
	unsigned := harness.Start(t, pending.Env(nil))
	f.targets["ending"], f.targets["unsigned"] = ending.Ops, unsigned.Ops
	f.trouble(func(t *testing.T) {
		set.Put(t, keys.NewHS256("good", []byte(harness.StrongSecret), keys.Plan{
			SignFrom: time.Now().Add(-time.Hour), VerifyUntil: time.Now().Add(48 * time.Hour)}))
		ending.Log.Await(t, "keys_reloaded")
		set.Write(t, "nothing", 0o600)
		pending.Put(t, harness.HS256Key("later", harness.OtherSecret, time.Now().Add(time.Hour)))
	}, nil, func(t *testing.T) {
		set.Put(t, good)
		pending.Put(t, good)
	})
}

// addCertificate adds a replica whose certificate is replaced by one that ends in three days, and
// then by an invalid one, and one whose certificate is replaced by one that ends in half an hour.
func (f *fleet) addCertificate(t *testing.T) {
	until := func(left time.Duration) pki.Pair {
		return pki.NewAt(t, time.Now().Add(-time.Hour), time.Now().Add(left), "localhost")
	}
	const day = 24 * time.Hour
	start := func() (service *harness.Process, folder, chain string) {
		folder = t.TempDir()
		chain, key := until(90*day).Write(t, folder)
		return harness.Start(t, harness.Env{"OFFLOAD_TLS_CERT_FILE": chain,
			"OFFLOAD_TLS_KEY_FILE": key}), folder, chain
	}
	service, folder, chain := start()
	hasty, hastyFolder, _ := start()
	f.targets["certificate"], f.targets["hasty"] = service.Ops, hasty.Ops
	f.trouble(func(t *testing.T) {
		until(3*day).Write(t, folder)
		until(day/48).Write(t, hastyFolder)
		service.Log.Await(t, "tls_reloaded")
		pki.Replace(t, chain, []byte("nothing"))
	}, nil, func(t *testing.T) {
		until(90*day).Write(t, folder)
		until(90*day).Write(t, hastyFolder)
	})
}

// addCrowded adds a replica with little room. Clients exceed its limits, fill its storage, open too
// many connections and send tokens of a key that it does not have.
func (f *fleet) addCrowded(t *testing.T) {
	service := harness.Start(t, harness.BehindProxy(harness.Env{
		"OFFLOAD_LIMITER_MAX_SUBJECTS":              "1",
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_INSTALL":   "1",
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP":        "1",
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_NETWORK":   "0",
		"OFFLOAD_SESSION_RENEWAL_LIMIT_PER_INSTALL": "1",
		"OFFLOAD_SESSION_RENEWAL_LIMIT_PER_IP":      "1",
		"OFFLOAD_HTTP_MAX_CONNECTIONS_PER_ADDRESS":  "1"}))
	other := harness.Start(t, harness.Env{"OFFLOAD_SESSION_TOKEN_ACTIVE_KID": "other",
		"OFFLOAD_SESSION_SECRET": harness.OtherSecret})
	f.targets["crowded"] = service.Ops
	unknown := harness.Bearer(other.Token(t, "install-12345"))
	stranger := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	n := 0
	f.trouble(nothing, func(t *testing.T) {
		n++
		for range 3 {
			service.Issue(t, harness.InstallID(n), harness.FromClient(n))
		}
		assert.Equal(t, http.StatusUnauthorized, service.Current(t, unknown).Status)
		var open []io.Closer
		for range 2 {
			connection, err := stranger.Dial("tcp", service.Public)
			require.NoError(t, err)
			open = append(open, connection)
		}
		for _, connection := range open {
			_ = connection.Close()
		}
	}, nothing)
}

// addUnread adds a replica whose log reader stops. Its clients come through a proxy that it does
// not trust.
func (f *fleet) addUnread(t *testing.T) {
	public, ops := freeport.Address(t, "127.0.0.1"), freeport.Address(t, "127.0.0.1")
	read, write, err := os.Pipe()
	require.NoError(t, err)
	command := exec.Command(harness.Binary(t), "--http-addr", public, "--ops-addr", ops,
		"--log-level", "debug")
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "OFFLOAD_ENVIRONMENT=development"}
	command.Stderr = write
	require.NoError(t, command.Start())
	require.NoError(t, write.Close())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = command.Wait() // killed
	}()
	var reading sync.Mutex // held while nothing is read
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		buffer := make([]byte, 4096)
		for {
			reading.Lock()
			_, err := read.Read(buffer)
			reading.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = command.Process.Kill()
		harness.Receive(t, "the replica without a log reader has ended", ended)
		harness.Receive(t, "its log has been read", copied)
		_ = read.Close()
	})
	f.targets["unread"] = ops
	client := http.Client{Timeout: harness.Timeout}
	t.Cleanup(client.CloseIdleConnections)
	f.trouble(func(*testing.T) { reading.Lock() }, func(t *testing.T) {
		for n := range 200 { // a pipe and the queue of the log hold thousands of lines
			path := "/v1/health"
			if n == 0 {
				path = "/v1/sessions/current" // where an address would count
			}
			request, err := http.NewRequest(http.MethodGet, "http://"+public+path, nil)
			require.NoError(t, err)
			request.Header.Set("X-Forwarded-For", "192.0.2.1")
			answer, err := client.Do(request)
			require.NoError(t, err)
			_, err = io.Copy(io.Discard, answer.Body)
			require.NoError(t, err)
			require.NoError(t, answer.Body.Close())
		}
	}, func(*testing.T) { reading.Unlock() })
}

// addGone adds a replica that is killed, and started again at the same address.
func (f *fleet) addGone(t *testing.T) {
	address := freeport.Address(t, "127.0.0.1")
	env := harness.Env{"OFFLOAD_OPS_ADDR": address}
	service := harness.Start(t, env)
	f.targets["gone"] = address
	f.trouble(func(t *testing.T) {
		service.Kill()
		service.Wait(t)
	}, nil, func(t *testing.T) { harness.Start(t, env) })
}
