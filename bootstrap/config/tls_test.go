package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/pki"
)

func TestTLS(t *testing.T) {
	const cert, key = "OFFLOAD_TLS_CERT_FILE", "OFFLOAD_TLS_KEY_FILE"
	tempDir(t)
	valid := pki.NewAt(t, noon.Add(-time.Hour), noon.Add(time.Hour), "localhost", "192.0.2.7")
	write(t, "tls.crt", string(valid.Chain), 0o600)
	write(t, "tls.key", string(valid.Key), 0o600)
	write(t, "open.key", string(valid.Key), 0o644)
	write(t, "other.key", string(pki.New(t, "localhost").Key), 0o600)
	unsupported, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	require.NoError(t, err)
	for name, pair := range map[string]pki.Pair{
		"p224":  pki.NewWith(t, unsupported, "localhost"),
		"ended": pki.NewAt(t, noon.Add(-2*time.Hour), noon.Add(-time.Hour), "localhost"),
		"early": pki.NewAt(t, noon.Add(time.Hour), noon.Add(2*time.Hour), "localhost"),
		"named": pki.NewAt(t, noon.Add(-time.Hour), noon.Add(time.Hour)),
	} {
		write(t, name+".crt", string(pair.Chain), 0o644)
		write(t, name+".key", string(pair.Key), 0o600)
	}
	for _, row := range []testCase{
		{"valid", production(cert+"=tls.crt", key+"=tls.key"), nil, nil},
		{"neither", production(cert+"=", key+"="), nil, nil},
		{"only a certificate", production(cert + "=tls.crt"),
			[]finding{{key, "default", "is not set, and OFFLOAD_TLS_CERT_FILE is"}}, nil},
		{"only a key", production(key + "=tls.key"),
			[]finding{{cert, "default", "is not set, and OFFLOAD_TLS_KEY_FILE is"}}, nil},
		{"missing files", production(cert+"=none.crt", key+"=none.key"), []finding{
			{cert, "environment", "names the file none.crt, which is not found"},
			{key, "environment", "names the file none.key, which is not found"},
		}, nil},
		{"swapped", production(cert+"=tls.key", key+"=tls.crt"), []finding{
			{cert, "environment", "names the file tls.key, which holds a private key and no certificate"},
			{key, "environment", "names the file tls.crt, which holds a certificate and no private key"},
		}, nil},
		{"key of another certificate", production(cert+"=tls.crt", key+"=other.key"),
			[]finding{{key, "environment",
				"names the file other.key, which holds the key of another certificate"}}, nil},
		{"key type that TLS does not support", production(cert+"=p224.crt", key+"=p224.key"),
			[]finding{
				{cert, "environment",
					"names the file p224.crt, which holds a certificate that cannot be used for TLS"},
			}, nil},
		{"key readable by others", production(cert+"=tls.crt", key+"=open.key"),
			[]finding{{key, "environment",
				"names the file open.key, which may be read or written by others"}}, nil},
		{"key readable by others, in development", inDevelopment(cert+"=tls.crt", key+"=open.key"),
			nil, []finding{served, unsetSecret}},
		{"expired", production(cert+"=ended.crt", key+"=ended.key"), nil, []finding{
			{cert, "environment",
				"names the file ended.crt, which contains a certificate that is not valid now but from 2026-02-16T10:00:00Z to 2026-02-16T11:00:00Z"},
		}},
		{"not yet valid", production(cert+"=early.crt", key+"=early.key"), nil,
			[]finding{{cert, "environment", "is not valid now but from 2026-02-16T13:00:00Z"}}},
		{"without names", production(cert+"=named.crt", key+"=named.key"), nil,
			[]finding{{cert, "environment", "contains a certificate without names"}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			review := load(t, row.in)
			assertFindings(t, row.faults, review.Faults)
			assertFindings(t, row.warnings, review.Warnings)
		})
	}
	t.Run("is in the review", func(t *testing.T) {
		review := load(t, production(cert+"=tls.crt", key+"=tls.key"))
		require.NotNil(t, review.Certificate)
		assert.Equal(t, []string{"localhost", "192.0.2.7"}, review.Certificate.Names())
		assert.Equal(t, noon.Add(time.Hour), review.Certificate.Ends())
		assert.True(t, review.Config.TLS.Strict)
		private, err := os.ReadFile("tls.key")
		require.NoError(t, err)
		assertNoSecret(t, printed(t, review), string(private[40:80]))
	})
}
