package sessionauth_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/sessionauth"
)

// The environment of a frozen service: where it reads keys, and the certificate of that server.
const (
	frozenURL  = "SESSIONAUTH_TEST_FROZEN_URL"
	frozenCert = "SESSIONAUTH_TEST_FROZEN_CERT"
)

// The headers of requests to a frozen service: how long its machine was suspended, as its wall
// clock alone shows, and a token.
const (
	headerAsleep = "X-Test-Asleep"
	headerToken  = "X-Test-Token"
)

// patience is more than any step of these tests takes.
const patience = time.Minute

// TestFrozenService is the process that the tests freeze. It tests nothing by itself.
func TestFrozenService(t *testing.T) {
	address := os.Getenv(frozenURL)
	if address == "" {
		return
	}
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM([]byte(os.Getenv(frozenCert))))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	jwks, err := sessionauth.NewJWKS(sessionauth.JWKSConfig{URL: address,
		Client: &http.Client{Transport: transport}})
	require.NoError(t, err)
	var asleep atomic.Int64
	sessionauth.Suspend(jwks, func() time.Duration { return time.Duration(asleep.Load()) })
	sessionauth.SetRequestWait(jwks, patience) // the machine that runs the tests may be slow
	sessionauth.SetReadTimeout(jwks, patience)
	require.NoError(t, jwks.Start(t.Context()))
	verifier := verifier(t, jwks)
	var requests sync.WaitGroup
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		defer requests.Done()
		slept, err := time.ParseDuration(r.Header.Get(headerAsleep))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		asleep.Add(int64(slept))
		_, _ = io.WriteString(w, send(verifier, "Bearer "+r.Header.Get(headerToken)).code())
	}))
	_, _ = os.Stdout.WriteString(server.URL + "\n")
	_, _ = io.Copy(io.Discard, os.Stdin) // until the test ends
	requests.Wait()
	server.Close()
	jwks.Close()
	transport.CloseIdleConnections()
}

// frozen is a service in a process of its own that is stopped between requests.
type frozen struct {
	t       *testing.T
	process *os.Process
	url     string
}

func startFrozen(t *testing.T, issuer *distantIssuer) *frozen {
	t.Helper()
	command := exec.CommandContext(context.WithoutCancel(t.Context()), os.Args[0],
		"-test.run=^TestFrozenService$")
	command.Env = append(os.Environ(), frozenURL+"="+issuer.URL, frozenCert+"="+issuer.pem())
	command.Stderr = os.Stderr
	stdin, err := command.StdinPipe()
	require.NoError(t, err)
	stdout, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	f := &frozen{t: t, process: command.Process}
	t.Cleanup(func() {
		f.signal(syscall.SIGCONT)
		_ = stdin.Close()
		hang := time.AfterFunc(patience, func() { _ = command.Process.Kill() })
		defer hang.Stop()
		assert.NoError(t, command.Wait(), "the process must end within %s", patience)
	})
	hang := time.AfterFunc(patience, func() { _ = command.Process.Kill() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.True(t, hang.Stop(), "the process did not start within %s", patience)
	require.NoError(t, err)
	f.url = strings.TrimSpace(line)
	f.signal(syscall.SIGSTOP)
	return f
}

func (f *frozen) signal(signal os.Signal) {
	f.t.Helper()
	require.NoError(f.t, f.process.Signal(signal))
}

// code lets the process run for one request with a token, and returns "ok" or the error's code.
// Since the last request, so much time has passed for its wall clock only.
func (f *frozen) code(asleep time.Duration, token string) string {
	f.t.Helper()
	f.signal(syscall.SIGCONT)
	defer f.signal(syscall.SIGSTOP)
	return f.send(asleep, token)
}

// send does the same while the process runs. It returns an error's text if there is no answer.
func (f *frozen) send(asleep time.Duration, token string) string {
	request, err := http.NewRequestWithContext(f.t.Context(), http.MethodGet, f.url, nil)
	if err != nil {
		return err.Error()
	}
	request.Header.Set(headerAsleep, asleep.String())
	request.Header.Set(headerToken, token)
	client := &http.Client{Timeout: 3 * patience, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err.Error()
	}
	return string(body)
}

// distantIssuer is an issuer over TLS, 40 ms away.
type distantIssuer struct {
	*httptest.Server
	set atomic.Pointer[string]
	// held counts the reads that wait because of hold.
	held atomic.Int64
	mu   sync.RWMutex
}

// hold lets reads wait until release, or the end of the test.
func (d *distantIssuer) hold(t *testing.T) (release func()) {
	d.mu.Lock()
	release = sync.OnceFunc(d.mu.Unlock)
	t.Cleanup(release)
	return release
}

func newDistantIssuer(t *testing.T, set string) *distantIssuer {
	t.Helper()
	d := &distantIssuer{}
	d.set.Store(&set)
	d.Server = httptest.NewUnstartedServer(http.HandlerFunc(
		func(w http.ResponseWriter, _ *http.Request) {
			d.held.Add(1)
			d.mu.RLock()
			defer d.mu.RUnlock()
			d.held.Add(-1)
			w.Header().Set("Cache-Control", "max-age=300")
			_, _ = io.WriteString(w, *d.set.Load())
		}))
	d.Listener = distantListener{d.Listener}
	d.StartTLS()
	t.Cleanup(d.Close)
	return d
}

func (d *distantIssuer) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: d.Certificate().Raw}))
}

type distantListener struct{ net.Listener }

func (l distantListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return distantConn{conn}, err
}

type distantConn struct{ net.Conn }

func (c distantConn) Write(p []byte) (int, error) {
	time.Sleep(40 * time.Millisecond)
	return c.Conn.Write(p)
}

// TestRevocationReachesFrozenProcess freezes a process around each request, as platforms do that
// give it a processor only for requests: no timer of it runs, and a read in the background never
// ends. Within the max-age the revocation must have reached it nonetheless.
func TestRevocationReachesFrozenProcess(t *testing.T) {
	t.Parallel()
	leaked, next := pair("leaked", 1), pair("next", 2)
	issuer := newDistantIssuer(t, set(t, leaked, next))
	service := startFrozen(t, issuer)
	require.Equal(t, "ok", service.code(0, mint(t, leaked)))
	revoked := set(t, next)
	issuer.set.Store(&revoked)
	for minute := range 10 {
		code := service.code(time.Minute, mint(t, leaked))
		if minute >= 4 { // until then, the keys are fresh
			require.Equal(t, "invalid_token", code, "after %d minutes", minute+1)
		}
	}
	assert.Equal(t, "ok", service.code(time.Minute, mint(t, next)))
}

// TestRevocationReachesProcessFrozenWithinARead has the connection of a read break while the
// process is frozen.
func TestRevocationReachesProcessFrozenWithinARead(t *testing.T) {
	t.Parallel()
	leaked, next := pair("leaked", 1), pair("next", 2)
	issuer := newDistantIssuer(t, set(t, leaked))
	service := startFrozen(t, issuer)
	release := issuer.hold(t)
	service.signal(syscall.SIGCONT)
	first := make(chan string, 1)
	go func() { first <- service.send(0, mint(t, next)) }() // its key is unknown
	require.Eventually(t, func() bool { return issuer.held.Load() == 1 }, patience,
		time.Millisecond, "no read arrived within %s", patience)
	service.signal(syscall.SIGSTOP)
	issuer.CloseClientConnections()
	revoked := set(t, next)
	issuer.set.Store(&revoked)
	release()
	assert.Equal(t, "invalid_token", service.code(10*time.Minute, mint(t, leaked)))
	service.signal(syscall.SIGCONT)
	select {
	case <-first:
	case <-time.After(patience):
		t.Errorf("the first request was not answered within %s", patience)
	}
}
