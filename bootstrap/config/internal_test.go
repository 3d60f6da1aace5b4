package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNearestName(t *testing.T) {
	for name, want := range map[string]string{
		// The first of two equally similar names.
		"OFFLOAD_SHUTDOWN_X_SECONDS": "OFFLOAD_SHUTDOWN_DELAY_SECONDS",
		"offload_http_adr":           "OFFLOAD_HTTP_ADDR",
		"http_adr_file":              "OFFLOAD_HTTP_ADDR_FILE",
		"OFFLOAD_SESION_TTL":         "OFFLOAD_SESSION_TTL_SECONDS",
		"OFFLOAD_SESSION_TTL":        "OFFLOAD_SESSION_TTL_SECONDS",
		"OFFLOAD_SECRET":             "OFFLOAD_SESSION_SECRET",
		"OFFLOAD_SESSION_SECRETS":    "OFFLOAD_SESSION_SECRET",
		// A longer word, and one that no name has: neither means another variable, or a file.
		"OFFLOAD_HTTP_ADDRESS": "OFFLOAD_HTTP_ADDR",
		"OFFLOAD_LISTEN_ADDR":  "OFFLOAD_HTTP_ADDR",
		"OFFLOAD_DENYLIST":     "OFFLOAD_SECRET_DENYLIST_FILE",
	} {
		assert.Equal(t, want, nearest(name), name)
	}
	assert.NotEmpty(t, nearest(strings.Repeat("x", 1<<20)))
}

func TestShown(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "plain": "plain", "a b": "a b", "жé🙂": "жé🙂", "a\nb": `"a\nb"`,
		"\x1b[2J": `"\x1b[2J"`, "\xff": `"\xff"`, "\u202e": `"\u202e"`, "\u2028": `"\u2028"`,
		strings.Repeat("x", 201):        strings.Repeat("x", 200) + "…",
		strings.Repeat("x", 199) + "éé": strings.Repeat("x", 199) + "…",
	} {
		assert.Equal(t, want, shown(text))
	}
	assert.Less(t, len(shown(strings.Repeat("\xbf", 300))), 1000)
}

func TestShownPathWithholdsWhatMayBeSecret(t *testing.T) {
	const key = "Zk9Qw3rT7yUi1oPaSdFgHjKlZxCvBnM0" // 32 characters
	long := filepath.Join(t.TempDir(), key+key)
	require.NoError(t, os.WriteFile(long, nil, 0o600))
	for name, want := range map[string]string{
		"": "", key[1:]: key[1:], "/etc/sessiond/keyset.json": "/etc/sessiond/keyset.json",
		key: withheld, "/" + key: withheld, key[:9] + "/" + key[9:]: withheld,
		"a b " + key + " c": withheld, "-----BEGIN EC PRIVATE KEY-----\nMHc=": withheld,
		long: long, long + "x": withheld,
		filepath.Dir(long) + "/missing.json": filepath.Dir(long) + "/missing.json",
	} {
		assert.Equal(t, want, ShownPath(name), name)
	}
}

// TestTable checks that the table has every variable of the specification once, in the same order.
func TestTable(t *testing.T) {
	want := strings.Fields(`
		ENVIRONMENT BUILD_VERSION SESSION_SECRET SESSION_TTL_SECONDS SESSION_TOKEN_ISSUER
		SESSION_TOKEN_AUDIENCE SESSION_TOKEN_ACTIVE_KID SESSION_SIGNING_KEYS SESSION_KEYSET_FILE
		SESSION_CLOCK_SKEW_SECONDS SESSION_BACKDATE_SECONDS SESSION_RENEWAL_GRACE_SECONDS
		SESSION_BINDING SESSION_BOUND_AUDIENCE
		SESSION_ISSUE_LIMIT_PER_IP
		SESSION_ISSUE_LIMIT_PER_NETWORK SESSION_ISSUE_LIMIT_PER_INSTALL
		SESSION_RENEWAL_LIMIT_PER_INSTALL SESSION_RENEWAL_LIMIT_PER_IP
		SESSION_ISSUE_LIMIT_WINDOW_SECONDS
		SESSION_ISSUE_LIMIT_MODE SESSION_ISSUE_TRACE_FILE LIMITER_STORAGE LIMITER_MAX_SUBJECTS
		LIMITER_DIGEST_KEY LIMITER_ON_OUTAGE LIMITER_IPV6_PREFIX REDIS_URL REDIS_TLS_CA_FILE
		REDIS_TLS_CERT_FILE REDIS_TLS_KEY_FILE REDIS_SENTINEL_USERNAME REDIS_SENTINEL_PASSWORD
		REDIS_KEY_PREFIX REDIS_TIMEOUT_MS
		TRUSTED_PROXIES TRUSTED_PROXY_HEADER PROXY_PROTOCOL HTTP_ADDR OPS_ADDR OPS_HOSTS
		TLS_CERT_FILE TLS_KEY_FILE CORS_ALLOWED_ORIGINS PUBLIC_ORIGINS HTTP2 HTTP_MAX_CONNECTIONS
		HTTP_MAX_CONNECTIONS_PER_ADDRESS HTTP_MAX_REQUESTS HTTP_MAX_HEADER_BYTES
		HTTP_READ_TIMEOUT_SECONDS
		HTTP_IDLE_TIMEOUT_SECONDS SHUTDOWN_DELAY_SECONDS SHUTDOWN_GRACE_SECONDS LOG_LEVEL
		LOG_FORMAT SECRET_DENYLIST_FILE`)
	secrets := []string{"OFFLOAD_SESSION_SECRET", "OFFLOAD_SESSION_SIGNING_KEYS",
		"OFFLOAD_LIMITER_DIGEST_KEY", "OFFLOAD_REDIS_URL", "OFFLOAD_REDIS_SENTINEL_USERNAME",
		"OFFLOAD_REDIS_SENTINEL_PASSWORD"}
	require.Len(t, table, len(want))
	for i, v := range table {
		assert.Equal(t, prefix+want[i], v.name)
		assert.Equal(t, i, position(v.name))
		assert.NotEmpty(t, v.help, v.name)
		assert.LessOrEqual(t, len(v.name+fileSuffix), maxCompared)
		assert.Equal(t, slices.Contains(secrets, v.name), v.secret(), v.name)
	}
	assert.Equal(t, -1, position(VarConfigFile))
	assert.Equal(t, len(table), position("OFFLOAD_OTHER"))
}

func TestHasInvisible(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, "acme": false, "acme login": false, "é": false,
		"کتاب\u200cخانه": false, "👩\u200d👧": false, // joiners that scripts and pictures need
		"\ufeffacme": true, "acme\ufeff": true, "ac\u200bme": true, "ac\u2060me": true,
		"ac\u202eme": true, "\u200dacme": true, "acme\u200c": true,
	} {
		assert.Equal(t, want, hasInvisible(text), "%q", text)
	}
}

func TestHasName(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, "acme": false, "issuer: acme": false, "https://acme.example": false,
		"a=b": false, "OFFLOAD_SESSION_TOKEN_ISSUER": false,
		"OFFLOAD_SESSION_TOKEN_ISSUER=acme":          true,
		"export offload_session_token_issuer = acme": true,
		"session_token_issuer: acme":                 true,
	} {
		assert.Equal(t, want, hasName(text, varIssuer), "%q", text)
	}
}
