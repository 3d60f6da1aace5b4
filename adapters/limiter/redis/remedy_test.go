package redis_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/limiter/redis"
	"github.com/offload/sessiond/test/harness/redisserver"
	"github.com/offload/sessiond/test/pki"
)

// TestInspectNamesARemedyForEachCause reaches servers that do not decide, each for another reason.
func TestInspectNamesARemedyForEachCause(t *testing.T) {
	plain := redisserver.Start(t, "--requirepass", password)
	pair, client, other := pki.New(t, "127.0.0.1"), pki.New(t, "client"), pki.New(t, "other")
	_, port := redisserver.StartTLS(t, redisserver.TLS{Pair: pair, Client: &client})
	plainURL := fmt.Sprintf("redis://:%s@127.0.0.1:%d", password, port)
	tlsURL := fmt.Sprintf("rediss://127.0.0.1:%d", port)
	elsewhere, expired := pki.New(t, "redis.example"),
		pki.NewAt(t, time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour), "127.0.0.1")
	urlOf := func(pair pki.Pair) string {
		_, port := redisserver.StartTLS(t, redisserver.TLS{Pair: pair})
		return fmt.Sprintf("rediss://127.0.0.1:%d", port)
	}
	elsewhereURL, expiredURL := urlOf(elsewhere), urlOf(expired)
	ours := redis.TLSFiles{CA: file(t, pair.Chain)}
	theirs := ours
	theirs.Certificate, theirs.Key = other.Write(t, t.TempDir())
	readable := redisserver.Start(t)
	readable.Do(t, "ACL", "SETUSER", "reader", "on", ">"+password, "+@read", "+hello", "+ping", "~*")

	for name, c := range map[string]struct {
		url    string
		files  redis.TLSFiles
		cause  string
		remedy string
	}{
		"wrong password": {"redis://:no@" + plain.Addr(), redis.TLSFiles{}, "WRONGPASS",
			"correct user and password in the URL; write special characters as %XX"},
		"no password": {"redis://" + plain.Addr(), redis.TLSFiles{}, "NOAUTH",
			"add the password to the URL: redis://user:password@host:6379/0"},
		"a user that may only read": {"redis://reader:" + password + "@" + readable.Addr(),
			redis.TLSFiles{}, "NOPERM", "give the user the permissions on commands, and on the keys " +
				"with the configured prefix"},
		"no TLS": {"rediss://" + plain.Addr(), redis.TLSFiles{}, "the server does not speak TLS",
			"use redis:// instead of rediss://, or the port on which the server speaks TLS"},
		"only TLS": {plainURL, redis.TLSFiles{}, "the server speaks only TLS",
			"use rediss:// instead of redis://"},
		"an unknown authority": {tlsURL, redis.TLSFiles{CA: file(t, other.Chain)},
			"the server's certificate is not trusted",
			"set CA to the authority that signed the server's certificate"},
		"a certificate for another name": {elsewhereURL, redis.TLSFiles{CA: file(t, elsewhere.Chain)},
			"the server's certificate is for another name", "use the host name that the certificate " +
				"is for, or a certificate for the host of the URL"},
		"an expired certificate": {expiredURL, redis.TLSFiles{CA: file(t, expired.Chain)},
			"the server's certificate has expired or is not valid yet",
			"renew the server's certificate, or correct the clock of this host"},
		"no client certificate": {tlsURL, ours, "the server wants a client certificate",
			"set CERT and KEY"},
		"another client certificate": {tlsURL, theirs, "the server rejects the client certificate",
			"renew the certificate in CERT, or make its authority known to the server " +
				"(tls-ca-cert-file)"},
		"nothing there": {"redis://127.0.0.1:1", redis.TLSFiles{}, "connection refused",
			"start the server, let it listen beyond loopback (bind), or correct host and port"},
	} {
		t.Run(name, func(t *testing.T) {
			server := serverAt(t, c.url, patient)
			if c.files != (redis.TLSFiles{}) {
				server.URL = server.URL.WithTLSFiles(c.files)
			}
			found := redis.Inspect(t.Context(), redis.Inspection{Server: server,
				TimeoutVariable: "TIMEOUT", CAVariable: "CA", CertificateVariable: "CERT",
				KeyVariable: "KEY"})
			require.Len(t, found, 1)
			assert.Contains(t, found[0].Problem, c.cause)
			assert.Equal(t, c.remedy+"; see cmd/sessiond/docs/limits.md", found[0].Remedy)
		})
	}
}
