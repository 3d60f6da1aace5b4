package limits_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/redisserver"
	"github.com/offload/sessiond/test/pki"
)

// TestWrongKindOfRedisIsNamed starts and checks the service with servers for which the URL is
// wrong. The log and the output of check name the reason.
func TestWrongKindOfRedisIsNamed(t *testing.T) {
	pair, client := pki.New(t, "127.0.0.1"), pki.New(t, "client")
	plain, port := redisserver.StartTLS(t, redisserver.TLS{Pair: pair, Client: &client})
	authority, _ := pair.Write(t, t.TempDir())
	chain, key := client.Write(t, t.TempDir())
	secured := fmt.Sprintf("127.0.0.1:%d", port)
	trusting := harness.Env{"OFFLOAD_REDIS_TLS_CA_FILE": authority,
		"OFFLOAD_REDIS_TIMEOUT_MS": "50"}
	at := func(pair pki.Pair) (url string, env harness.Env) {
		_, port := redisserver.StartTLS(t, redisserver.TLS{Pair: pair})
		authority, _ := pair.Write(t, t.TempDir())
		return fmt.Sprintf("rediss://127.0.0.1:%d", port),
			trusting.With(harness.Env{"OFFLOAD_REDIS_TLS_CA_FILE": authority})
	}
	now := time.Now()
	expiredURL, expired := at(pki.NewAt(t, now.Add(-48*time.Hour), now.Add(-24*time.Hour), "127.0.0.1"))
	elsewhereURL, elsewhere := at(pki.New(t, "redis.example"))
	for cause, c := range map[string]struct {
		url    string
		env    harness.Env
		remedy string
	}{
		"the server does not speak TLS": {"rediss://" + plain.Addr(), trusting, "use redis://"},
		"the server speaks only TLS": {"redis://" + secured,
			harness.Env{"OFFLOAD_REDIS_TIMEOUT_MS": "50"}, "use rediss://"},
		"the server wants a client certificate": {"rediss://" + secured, trusting,
			"set OFFLOAD_REDIS_TLS_CERT_FILE and OFFLOAD_REDIS_TLS_KEY_FILE"},
		"the server's certificate is not trusted": {"rediss://" + secured, nil,
			"set OFFLOAD_REDIS_TLS_CA_FILE"},
		"the server's certificate has expired or is not valid yet": {expiredURL, expired,
			"renew the server's certificate"},
		"the server's certificate is for another name": {elsewhereURL, elsewhere,
			"use the host name that the certificate is for"},
	} {
		t.Run(cause, func(t *testing.T) {
			env := shared(c.url, c.env)
			_, found := harness.StartOut(t, env)
			assert.Equal(t, "redis: unreachable: "+cause, found)
			checked := check(t, env)
			assert.Equal(t, 2, checked.Status)
			assert.Contains(t, checked.Output, "does not decide (redis: unreachable: "+cause+")")
			assert.Contains(t, checked.Output, "remedy:  "+c.remedy)
		})
	}
	env := shared("valkeys://"+secured, trusting.With(harness.Env{
		"OFFLOAD_REDIS_TLS_CERT_FILE": chain, "OFFLOAD_REDIS_TLS_KEY_FILE": key,
		"OFFLOAD_REDIS_TIMEOUT_MS": "10000", "OFFLOAD_REDIS_KEY_PREFIX": "{a}:"}))
	assert.Equal(t, 0, check(t, env).Status)
	service := harness.StartSharing(t, env)
	assert.NotEmpty(t, service.Issue(t, "install-12345").Session(t).Token)
	answer := plain.Do(t, "KEYS", "{a}:*")
	keys, err := answer.ToArray()
	require.NoError(t, err)
	assert.NotEmpty(t, keys)
}

// TestBadTLSFileIsReportedWhileConnectionsLast replaces files for TLS with Redis by bad ones and by
// good ones. The log says so while the open connections still share decisions.
func TestBadTLSFileIsReportedWhileConnectionsLast(t *testing.T) {
	pair, client := pki.New(t, "127.0.0.1"), pki.New(t, "client")
	_, port := redisserver.StartTLS(t, redisserver.TLS{Pair: pair, Client: &client})
	authority, _ := pair.Write(t, t.TempDir())
	chain, key := client.Write(t, t.TempDir())
	service := harness.StartSharing(t, shared(fmt.Sprintf("rediss://127.0.0.1:%d", port),
		harness.Env{"OFFLOAD_REDIS_TLS_CA_FILE": authority, "OFFLOAD_REDIS_TLS_CERT_FILE": chain,
			"OFFLOAD_REDIS_TLS_KEY_FILE": key}))
	other := pki.New(t, "other")
	for count, c := range []struct {
		file, cause string
		good        []byte
	}{
		{authority, "the CA file holds no certificate in PEM", pair.Chain},
		{key, "the file of the client key holds no private key in PEM, an encrypted one, or that " +
			"of another certificate", client.Key},
	} {
		pki.Replace(t, c.file, []byte("nothing"))
		failed := service.Log.AwaitCount(t, "redis_tls_reload_failed", count+1)
		assert.Equal(t, "ERROR", failed.String("level"))
		assert.Equal(t, c.cause, failed.String("cause"))
		assert.EqualValues(t, count+1, service.Metric(t, "offload_redis_tls_reload_failures_total"))
		answer := service.Issue(t, fmt.Sprint("install-", count))
		assert.NotEmpty(t, answer.Session(t).Token)
		pki.Replace(t, c.file, c.good)
		reloaded := service.Log.AwaitCount(t, "redis_tls_reloaded", count+1)
		assert.Equal(t, client.TLS(t).Leaf.NotAfter.UTC().Format(time.RFC3339),
			reloaded.String("ends"))
	}
	pki.Replace(t, authority, append(pair.Chain, other.Chain...))
	service.Log.AwaitCount(t, "redis_tls_reloaded", 3)
	assert.Empty(t, service.Log.Of("limiter_outage_started"))
	assert.NotContains(t, service.Log.Text(), authority)
	assert.Equal(t, 0, service.Stop(t))
}
