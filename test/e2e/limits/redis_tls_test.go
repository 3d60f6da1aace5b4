package limits_test

import (
	"fmt"
	"testing"

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
	for cause, c := range map[string]struct {
		url string
		env harness.Env
	}{
		"the server does not speak TLS": {"rediss://" + plain.Addr(), trusting},
		"the server speaks only TLS": {"redis://" + secured,
			harness.Env{"OFFLOAD_REDIS_TIMEOUT_MS": "50"}},
		"the server wants a client certificate":   {"rediss://" + secured, trusting},
		"the server's certificate is not trusted": {"rediss://" + secured, nil},
	} {
		t.Run(cause, func(t *testing.T) {
			env := shared(c.url, c.env)
			service := harness.Start(t, env)
			assert.Equal(t, "redis: unreachable: "+cause,
				service.Log.Await(t, "limiter_outage_started").String("cause"))
			check := harness.Run(t, env, "check", "--strict")
			assert.Equal(t, 2, check.Status)
			assert.Contains(t, check.Output, "does not decide (redis: unreachable: "+cause+")")
		})
	}
	env := shared("valkeys://"+secured, trusting.With(harness.Env{
		"OFFLOAD_REDIS_TLS_CERT_FILE": chain, "OFFLOAD_REDIS_TLS_KEY_FILE": key,
		"OFFLOAD_REDIS_TIMEOUT_MS": "10000", "OFFLOAD_REDIS_KEY_PREFIX": "{a}:"}))
	assert.Equal(t, 0, harness.Run(t, env, "check", "--strict").Status)
	service := harness.Start(t, env)
	assert.Empty(t, service.Log.Of("limiter_outage_started"))
	assert.NotEmpty(t, service.Issue(t, "install-12345").Session(t).Token)
	answer := plain.Do(t, "KEYS", "{a}:*")
	keys, err := answer.ToArray()
	require.NoError(t, err)
	assert.NotEmpty(t, keys)
}
