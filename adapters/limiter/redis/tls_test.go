package redis_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/limiter/redis"
	"github.com/offload/sessiond/test/harness/redisserver"
	"github.com/offload/sessiond/test/pki"
)

// openTLS creates a storage with files for TLS.
func openTLS(t testing.TB, url string, files redis.TLSFiles) *redis.Storage {
	t.Helper()
	server := serverAt(t, url, patient)
	server.URL = server.URL.WithTLSFiles(files)
	storage := redis.New(server)
	t.Cleanup(func() { end(t, storage) })
	return storage
}

// file writes a file and returns its name.
func file(t testing.TB, content []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file.pem")
	require.NoError(t, os.WriteFile(name, content, 0o600))
	return name
}

// cause requires that a storage is unreachable, and returns the detail.
func cause(t *testing.T, storage *redis.Storage) string {
	t.Helper()
	failed := fails(t, storage, hour(1, 4))
	assert.Equal(t, redis.Unreachable, failed.Reason, failed.Detail)
	return failed.Detail
}

const (
	notTrusted = "the server's certificate is not trusted"
	otherName  = "the server's certificate is for another name"
)

func TestVerifiesTLSCertificate(t *testing.T) {
	pair := pki.New(t, "127.0.0.1")
	_, port := redisserver.StartTLS(t, redisserver.TLS{Pair: pair})
	url := fmt.Sprintf("rediss://127.0.0.1:%d", port)
	trusting := redis.TLSFiles{CA: file(t, pair.Chain)}
	assert.Equal(t, notTrusted, cause(t, open(t, url, patient)), "by the authorities of the system")
	assert.Equal(t, 3, remaining(t, open(t, url+"?skip_verify=true", patient), hour(1, 4)))
	assert.Equal(t, 2, remaining(t, openTLS(t, url, trusting), hour(1, 4)))
	valkeys := strings.Replace(url, "rediss", "valkeys", 1)
	assert.Equal(t, 1, remaining(t, openTLS(t, valkeys, trusting), hour(1, 4)))
	localhost := strings.Replace(url, "127.0.0.1", "localhost", 1)
	assert.Equal(t, otherName, cause(t, openTLS(t, localhost, trusting)))
	other := redis.TLSFiles{CA: file(t, pki.New(t, "127.0.0.1").Chain)}
	assert.Equal(t, notTrusted, cause(t, openTLS(t, url, other)), "by another authority")
}

// TestVerifiesDialledNameOrFirstHost has a Sentinel named localhost announce a master by its
// address.
func TestVerifiesDialledNameOrFirstHost(t *testing.T) {
	for name, trusted := range map[string]bool{"127.0.0.1": true, "localhost": true,
		"elsewhere.example": false} {
		t.Run(name, func(t *testing.T) {
			ofMaster, ofSentinel := pki.New(t, name), pki.New(t, "localhost")
			_, masterPort := redisserver.StartTLS(t, redisserver.TLS{Pair: ofMaster})
			_, port := redisserver.StartTLSSentinel(t, redisserver.TLS{Pair: ofSentinel},
				masterPort)
			storage := openTLS(t, fmt.Sprintf("rediss://localhost:%d?master_set=%s", port,
				redisserver.MasterSet), redis.TLSFiles{
				CA: file(t, append(ofMaster.Chain, ofSentinel.Chain...))})
			if trusted {
				assert.Equal(t, 3, remaining(t, storage, hour(1, 4)))
			} else {
				assert.Equal(t, otherName, cause(t, storage))
			}
		})
	}
}

// TestSendsFirstHostToAddresses dials a name and an address. In both handshakes the server learns
// the name, by which a proxy may choose the server behind it.
func TestSendsFirstHostToAddresses(t *testing.T) {
	names := make(chan string, 16)
	config := &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		names <- hello.ServerName
		return nil, errors.New("not served")
	}}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", config)
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.(*tls.Conn).Handshake() // it fails
			_ = conn.Close()
		}
	}()
	port := listener.Addr().(*net.TCPAddr).Port
	cause(t, open(t, fmt.Sprintf("rediss://localhost:%d?addr=127.0.0.1:%d", port, port), patient))
	for range 2 {
		select {
		case name := <-names:
			assert.Equal(t, "localhost", name)
		case <-time.After(redisserver.Timeout):
			require.Fail(t, "timed out waiting for a handshake")
		}
	}
}

// TestUsesClientCertificate connects without, with another and with the right certificate, and
// replaces the files while the storage is open.
func TestUsesClientCertificate(t *testing.T) {
	pair, client, other := pki.New(t, "127.0.0.1"), pki.New(t, "client"), pki.New(t, "other")
	server, port := redisserver.StartTLS(t, redisserver.TLS{Pair: pair, Client: &client})
	url := fmt.Sprintf("rediss://127.0.0.1:%d", port)
	files := redis.TLSFiles{CA: file(t, pair.Chain)}
	for range 20 { // the server's alert and the end of its connection race
		assert.Equal(t, "the server wants a client certificate", cause(t, openTLS(t, url, files)))
	}
	files.Certificate, files.Key = other.Write(t, t.TempDir())
	storage := openTLS(t, url, files)
	assert.Equal(t, "the server rejects the client certificate", cause(t, storage))
	pki.Replace(t, files.Certificate, client.Chain)
	assert.Equal(t, "the file of the client key holds no private key in PEM, an encrypted one, "+
		"or that of another certificate", cause(t, storage))
	pki.Replace(t, files.Key, client.Key)
	assert.Equal(t, 3, remaining(t, storage, hour(1, 4)))

	pki.Replace(t, files.Certificate, other.Chain)
	pki.Replace(t, files.Key, other.Key)
	assert.Equal(t, 2, remaining(t, storage, hour(1, 4)), "an open connection stays")
	server.Do(t, "CLIENT", "KILL", "TYPE", "normal")
	require.Eventually(t, func() bool {
		return cause(t, storage) == "the server rejects the client certificate"
	}, redisserver.Timeout, time.Millisecond)
}

// TestNamesWrongKindOfServer reaches servers for which URL and server do not fit together.
func TestNamesWrongKindOfServer(t *testing.T) {
	server, port := redisserver.StartTLS(t, redisserver.TLS{Pair: pki.New(t, "127.0.0.1")})
	withPassword := redisserver.Start(t, "--requirepass", password)
	sentinel := redisserver.StartSentinel(t, server)
	silent := startFake(t, func([]string) string { return "" })
	alerting := startFake(t, func([]string) string { return "\x15\x03\x01\x00\x02\x02\x46" })
	for name, c := range map[string]struct{ url, detail string }{
		"no TLS":                  {"rediss://" + server.Addr(), "the server does not speak TLS"},
		"no TLS, with a password": {"rediss://" + withPassword.Addr(), "the server does not speak TLS"},
		"no TLS at a Sentinel": {"rediss://" + sentinel.Addr() + "?master_set=limits",
			"the server does not speak TLS"},
		"only TLS": {fmt.Sprintf("redis://:%s@127.0.0.1:%d", password, port),
			"the server speaks only TLS"},
		"only TLS, as it says": {alerting.url(), "the server speaks only TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			for range 5 { // what the server makes of a handshake depends on random bytes
				assert.Equal(t, c.detail, cause(t, open(t, c.url, patient)))
			}
		})
	}
	t.Run("silence", func(t *testing.T) {
		failed := fails(t, open(t, "rediss://"+silent.listener.Addr().String(), 0), hour(1, 4))
		assert.Equal(t, redis.TimedOut, failed.Reason)
	})
}

// TestWorksThroughProxyWithoutHello connects through proxies that do not know HELLO: one refuses
// it, one ends the connection.
func TestWorksThroughProxyWithoutHello(t *testing.T) {
	refusing := startFake(t, but(map[string]string{
		"HELLO": "-ERR unknown command 'HELLO', with args beginning with: '3'\r\n"}))
	assert.Equal(t, 2, remaining(t, open(t, refusing.url(), patient), hour(1, 4)))
	ending := startFake(t, but(map[string]string{"HELLO": endConnection}))
	assert.Equal(t, "the server, or a proxy, ends connections at HELLO",
		cause(t, open(t, ending.url(), patient)))
}

func TestChecksTLSFiles(t *testing.T) {
	pair, other := pki.New(t, "client"), pki.New(t, "other")
	chain, key := pair.Write(t, t.TempDir())
	exposed := file(t, pair.Key)
	require.NoError(t, os.Chmod(exposed, 0o644))
	none := filepath.Join(t.TempDir(), "none")
	for name, c := range map[string]struct {
		files redis.TLSFiles
		want  []string
	}{
		"none": {redis.TLSFiles{}, nil},
		"all": {redis.TLSFiles{CA: chain, Certificate: chain, Key: key, Strict: true},
			nil},
		"missing": {redis.TLSFiles{CA: none, Certificate: none, Key: none}, []string{
			"the CA file is not found", "the file of the client certificate is not found",
			"the file of the client key is not found"}},
		"wrong": {redis.TLSFiles{CA: key, Certificate: key, Key: key}, []string{
			"the CA file holds no certificate in PEM",
			"the file of the client certificate holds no certificate in PEM"}},
		"no key": {redis.TLSFiles{Certificate: chain, Key: chain}, []string{
			"the file of the client key holds no private key in PEM, an encrypted one, or that " +
				"of another certificate"}},
		"another key": {redis.TLSFiles{Certificate: chain, Key: file(t, other.Key)}, []string{
			"the file of the client key holds no private key in PEM, an encrypted one, or that " +
				"of another certificate"}},
		"exposed": {redis.TLSFiles{Certificate: chain, Key: exposed, Strict: true}, []string{
			"the file of the client key may be read or written by others, or written by its group"}},
		"exposed in development": {redis.TLSFiles{Certificate: chain, Key: exposed}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, fault := range c.files.Check() {
				got = append(got, fault.Error())
				assert.NotEmpty(t, fault.Remedy)
			}
			assert.Equal(t, c.want, got)
		})
	}
}
