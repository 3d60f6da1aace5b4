package certificate_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/http/certificate"
	"github.com/offload/sessiond/adapters/system/clock"
	"github.com/offload/sessiond/adapters/system/securefile"
	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/test/pki"
)

// write writes content with the given mode to a file in a new directory.
func write(t *testing.T, content []byte, mode os.FileMode) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(name, content, 0o600))
	require.NoError(t, os.Chmod(name, mode))
	return name
}

// reason is why one of the files cannot be used.
type reason struct {
	part   certificate.Part
	reason securefile.Reason
}

// reasonsOf returns the reasons of an error, which is Faults with a remedy for each.
func reasonsOf(t *testing.T, err error) []reason {
	t.Helper()
	var faults certificate.Faults
	require.ErrorAs(t, err, &faults)
	var reasons []reason
	for _, fault := range faults {
		assert.NotEmpty(t, fault.Remedy)
		reasons = append(reasons, reason{fault.Part, fault.Reason})
	}
	return reasons
}

func TestRead(t *testing.T) {
	pair, other := pki.New(t, "localhost", "a.example", "192.0.2.7"), pki.New(t, "localhost")
	chain, key := write(t, pair.Chain, 0o644), write(t, pair.Key, 0o600)
	folder := t.TempDir()
	encrypted := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")})
	both := certificate.Chain
	for name, c := range map[string]struct {
		files  certificate.Files
		faults []reason
	}{
		"valid": {certificate.Files{Chain: chain, Key: key, Strict: true}, nil},
		"in one file": {certificate.Files{Chain: write(t,
			append(pair.Key, pair.Chain...), 0o600),
			Key: write(t, append(pair.Chain, pair.Key...), 0o600)}, nil},
		"with an intermediate": {certificate.Files{Chain: write(t,
			append(pair.Chain, other.Chain...), 0o644), Key: key}, nil},
		"key readable by group": {certificate.Files{Chain: chain,
			Key: write(t, pair.Key, 0o640), Strict: true}, nil},
		"key readable by others": {certificate.Files{Chain: chain,
			Key: write(t, pair.Key, 0o644), Strict: true},
			[]reason{{certificate.Key, securefile.Exposed}}},
		"key writable by group": {certificate.Files{Chain: chain,
			Key: write(t, pair.Key, 0o660), Strict: true},
			[]reason{{certificate.Key, securefile.Exposed}}},
		"key readable by others, not strict": {certificate.Files{Chain: chain,
			Key: write(t, pair.Key, 0o644)}, nil},
		"no files": {certificate.Files{Chain: folder + "/none", Key: folder + "/none"},
			[]reason{
				{both, securefile.Missing},
				{certificate.Key, securefile.Missing},
			}},
		"directories": {certificate.Files{Chain: folder, Key: folder}, []reason{
			{both, securefile.NotRegular},
			{certificate.Key, securefile.NotRegular},
		}},
		"swapped": {certificate.Files{Chain: key, Key: chain}, []reason{
			{both, certificate.Malformed},
			{certificate.Key, certificate.Malformed},
		}},
		"empty": {certificate.Files{Chain: write(t, nil, 0o600), Key: write(t, nil, 0o600)},
			[]reason{
				{both, certificate.Malformed},
				{certificate.Key, certificate.Malformed},
			}},
		"too large": {certificate.Files{Chain: write(t, make([]byte, 1<<20+1), 0o600),
			Key: key}, []reason{{both, securefile.TooLarge}}},
		"key of another certificate": {certificate.Files{Chain: chain, Key: write(t, other.Key, 0o600)},
			[]reason{{certificate.Key, certificate.Mismatched}}},
		"encrypted": {certificate.Files{Chain: chain, Key: write(t, encrypted, 0o600)},
			[]reason{{certificate.Key, certificate.Malformed}}},
		"truncated chain": {certificate.Files{Chain: write(t, pair.Chain[:len(pair.Chain)/2],
			0o600), Key: key}, []reason{{both, certificate.Malformed}}},
		"truncated key": {certificate.Files{Chain: chain,
			Key: write(t, pair.Key[:len(pair.Key)/2], 0o600)},
			[]reason{{certificate.Key, certificate.Malformed}}},
		"chain with invalid second certificate": {certificate.Files{
			Chain: write(t, append(pair.Chain,
				pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})...), 0o600),
			Key: key,
		}, []reason{{both, certificate.Malformed}}},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := certificate.Read(c.files)
			if c.faults == nil {
				require.NoError(t, err)
				assert.Equal(t, []string{"localhost", "a.example", "192.0.2.7"}, found.Names())
				assert.True(t, found.ValidAt(time.Now()))
				assert.False(t, found.ValidAt(found.Ends().Add(time.Second)))
				assert.False(t, found.ValidAt(found.Begins().Add(-time.Second)))
				assert.NotNil(t, found.TLS().Leaf)
				return
			}
			assert.Equal(t, c.faults, reasonsOf(t, err))
			assert.NotContains(t, err.Error(), folder, "errors hold no path")
			assert.NotContains(t, err.Error(), "unknown")
		})
	}
}

func TestReadAcceptsEveryKeyFormat(t *testing.T) {
	pair := pki.New(t, "localhost")
	sec1, err := x509.MarshalECPrivateKey(pair.TLS(t).PrivateKey.(*ecdsa.PrivateKey))
	require.NoError(t, err)
	chain := write(t, pair.Chain, 0o644)
	_, err = certificate.Read(certificate.Files{Chain: chain,
		Key: write(t, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1}), 0o600)})
	require.NoError(t, err)
	// This is what openssl ecparam writes, with the curve before the key.
	withCurve := append(pem.EncodeToMemory(&pem.Block{Type: "EC PARAMETERS",
		Bytes: []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7}}),
		pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1})...)
	_, err = certificate.Read(certificate.Files{Chain: chain, Key: write(t, withCurve, 0o600)})
	require.NoError(t, err)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	_, err = certificate.Read(certificate.Files{Chain: chain,
		Key: write(t, pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY",
			Bytes: x509.MarshalPKCS1PrivateKey(rsaKey)}), 0o600)})
	assert.Equal(t, []reason{{certificate.Key, certificate.Mismatched}},
		reasonsOf(t, err), "parsed, but not the key of the certificate")
}

// keysOfEveryKind returns keys of types that TLS supports, and of types that it does not, by type.
func keysOfEveryKind(t *testing.T) (sound, unusable map[string]crypto.Signer) {
	t.Helper()
	defer t.Setenv("GODEBUG", os.Getenv("GODEBUG"))
	t.Setenv("GODEBUG", "rsa1024min=0") // otherwise a key this short cannot be generated
	made := func(key crypto.Signer, err error) crypto.Signer {
		require.NoError(t, err)
		return key
	}
	rsaOf := func(bits int) crypto.Signer {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		return made(key, err)
	}
	on := func(curve elliptic.Curve) crypto.Signer {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		return made(key, err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	sound = map[string]crypto.Signer{
		"P-256": on(elliptic.P256()), "P-384": on(elliptic.P384()), "P-521": on(elliptic.P521()),
		"RSA-2048": rsaOf(2048), "Ed25519": made(edwards, err),
	}
	unusable = map[string]crypto.Signer{"P-224": on(elliptic.P224()), "RSA-512": rsaOf(512)}
	return sound, unusable
}

// TestReadRefusesKeysTLSDoesNotSupport checks that a key of a type that TLS does not support is
// refused, though it can be parsed.
func TestReadRefusesKeysTLSDoesNotSupport(t *testing.T) {
	read := func(t *testing.T, key crypto.Signer) error {
		chain, private := pki.NewWith(t, key, "localhost").Write(t, t.TempDir())
		_, err := certificate.Read(certificate.Files{Chain: chain, Key: private})
		return err
	}
	sound, unusable := keysOfEveryKind(t)
	for name, key := range sound {
		t.Run(name, func(t *testing.T) { assert.NoError(t, read(t, key)) })
	}
	for name, key := range unusable {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, []reason{{certificate.Chain, certificate.Unusable}}, reasonsOf(t, read(t, key)))
		})
	}
}

// recorder records the events of a source.
type recorder struct {
	mu   sync.Mutex
	list []string
}

// Record implements ports.Events.
func (r *recorder) Record(_ context.Context, event ports.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch e := event.(type) {
	case ports.Reloaded:
		r.list = append(r.list, "reloaded "+e.Content.(ports.TLSContent).Names[0])
	case ports.ReloadFailed:
		r.list = append(r.list, "failed: "+e.Cause.Error()+e.File)
	case ports.WatchFailed:
		r.list = append(r.list, "watch failed: "+e.Cause.Error())
	}
}

// events returns the events since the last call.
func (r *recorder) events() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	events := r.list
	r.list = nil
	return events
}

// watched is a source in a synctest bubble, with files of its own.
type watched struct {
	*certificate.Source
	*recorder
	chain, key string
}

// watch runs test with a source, in a synctest bubble whose clock begins in the year 2000.
func watch(t *testing.T, test func(t *testing.T, w watched, fresh func(names ...string) pki.Pair)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		fresh := func(names ...string) pki.Pair { return pki.New(t, names...) }
		folder := t.TempDir()
		chain, key := fresh("first").Write(t, folder)
		files := certificate.Files{Chain: chain, Key: key, Strict: true}
		current, err := certificate.Read(files)
		require.NoError(t, err)
		events := &recorder{}
		w := watched{certificate.NewSilentSource(files, current, clock.New(), events),
			events, chain, key}
		w.Start(t.Context())
		defer w.Stop()
		synctest.Wait() // the first look, which begins at once
		test(t, w, fresh)
	})
}

// waitChecks lets the given number of looks pass, and the time in which content must stay the same.
func waitChecks(times int) {
	time.Sleep(time.Duration(times)*2*time.Second + 200*time.Millisecond)
	synctest.Wait()
}

func (w watched) name() string { return w.Current().Leaf.DNSNames[0] }

func TestRefreshLooksAtOnce(t *testing.T) {
	watch(t, func(t *testing.T, w watched, fresh func(...string) pki.Pair) {
		fresh("second").Write(t, filepath.Dir(w.chain))
		w.Refresh()
		waitChecks(0)
		assert.Equal(t, "second", w.name())
		assert.Equal(t, []string{"reloaded second"}, w.events())
	})
}

func TestRenewedPairTakesEffect(t *testing.T) {
	watch(t, func(t *testing.T, w watched, fresh func(...string) pki.Pair) {
		waitChecks(10)
		assert.Empty(t, w.events(), "nothing is logged without a change")
		fresh("second").Write(t, filepath.Dir(w.chain))
		waitChecks(1)
		assert.Equal(t, "second", w.name())
		assert.Equal(t, []string{"reloaded second"}, w.events())
		waitChecks(10)
		assert.Empty(t, w.events())
	})
}

// TestToleratesMomentaryMismatch checks that this is not logged as a fault, because a renewal
// replaces one file after the other.
func TestToleratesMomentaryMismatch(t *testing.T) {
	watch(t, func(t *testing.T, w watched, fresh func(...string) pki.Pair) {
		second := fresh("second")
		pki.Replace(t, w.chain, second.Chain)
		waitChecks(1)
		assert.Equal(t, "first", w.name())
		pki.Replace(t, w.key, second.Key)
		waitChecks(1)
		assert.Equal(t, "second", w.name())
		assert.Equal(t, []string{"reloaded second"}, w.events())
	})
}

func TestInvalidPairKeepsLastGoodAndIsLoggedOnce(t *testing.T) {
	watch(t, func(t *testing.T, w watched, fresh func(...string) pki.Pair) {
		second := fresh("second")
		for _, bad := range []struct {
			put   func()
			cause string
		}{
			{func() { pki.Replace(t, w.chain, second.Chain) },
				"the private key's file holds the key of another certificate"},
			{func() { pki.Replace(t, w.chain, []byte("hunter2")) },
				"the certificate's file holds no certificate in PEM, or one that cannot be read"},
			{func() { require.NoError(t, os.Remove(w.chain)) },
				"the certificate's file is not found"},
			{func() {
				pki.Replace(t, w.chain, second.Chain)
				pki.Replace(t, w.key, second.Key)
				require.NoError(t, os.Chmod(w.key, 0o604))
			}, "the private key's file may be read or written by others, or written by its group"},
			{func() {
				pki.NewAt(t, time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour),
					"ended").Write(t, filepath.Dir(w.chain))
			}, "the certificate's file holds a certificate that is not valid now"},
		} {
			bad.put()
			waitChecks(10)
			assert.Equal(t, []string{"failed: " + bad.cause}, w.events(),
				"logged once for each new cause")
			assert.Equal(t, "first", w.name())
		}
		second.Write(t, filepath.Dir(w.chain))
		waitChecks(1)
		assert.Equal(t, "second", w.name())
		assert.Equal(t, []string{"reloaded second"}, w.events())
	})
}

// TestUnsupportedKeyKeepsLastGood checks that such a pair never replaces the one in force.
func TestUnsupportedKeyKeepsLastGood(t *testing.T) {
	_, unusable := keysOfEveryKind(t)
	watch(t, func(t *testing.T, w watched, _ func(...string) pki.Pair) {
		for _, key := range unusable {
			pki.NewWith(t, key, "second").Write(t, filepath.Dir(w.chain))
			waitChecks(10)
			assert.Equal(t, "first", w.name())
		}
		assert.Equal(t,
			[]string{"failed: the certificate's file holds a certificate that cannot be used for TLS"}, w.events(), "once")
	})
}

// TestRestoredFilesEndFault checks that restoring the old files ends a fault, and that this is
// logged.
func TestRestoredFilesEndFault(t *testing.T) {
	watch(t, func(t *testing.T, w watched, _ func(...string) pki.Pair) {
		content, err := os.ReadFile(w.chain)
		require.NoError(t, err)
		pki.Replace(t, w.chain, nil)
		waitChecks(2)
		pki.Replace(t, w.chain, content)
		waitChecks(2)
		assert.Equal(t,
			[]string{"failed: the certificate's file holds no certificate in PEM, or one that cannot be read", "reloaded first"}, w.events())
		// The certificate in force is not judged again when only time has passed.
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		assert.Empty(t, w.events())
		assert.Equal(t, "first", w.name())
	})
}

// TestHardLinkedPairTakesEffectInTime writes the files through other hard links, of which nothing
// notifies.
func TestHardLinkedPairTakesEffectInTime(t *testing.T) {
	watch(t, func(t *testing.T, w watched, fresh func(...string) pki.Pair) {
		folder := t.TempDir()
		second := fresh("second")
		for name, content := range map[string][]byte{w.chain: second.Chain, w.key: second.Key} {
			other := filepath.Join(folder, filepath.Base(name))
			require.NoError(t, os.Link(name, other))
			require.NoError(t, os.WriteFile(other, content, 0o600))
		}
		time.Sleep(4 * time.Second)
		synctest.Wait()
		assert.Equal(t, "second", w.name())
	})
}

// TestRenewalTakesEffectInRealTime uses the system's notifications.
func TestRenewalTakesEffectInRealTime(t *testing.T) {
	chain, key := pki.New(t, "first").Write(t, t.TempDir())
	files := certificate.Files{Chain: chain, Key: key, Strict: true}
	current, err := certificate.Read(files)
	require.NoError(t, err)
	source := certificate.NewSource(files, current, clock.New(), &recorder{})
	source.Start(t.Context())
	defer source.Stop()
	for _, name := range []string{"second", "third"} {
		pki.New(t, name).Write(t, filepath.Dir(chain))
		require.Eventually(t, func() bool { return source.Current().Leaf.DNSNames[0] == name },
			time.Minute, 5*time.Millisecond, "the certificate %s does not take effect", name)
	}
	assert.Equal(t, source.Current().Leaf.NotAfter.UTC(), source.Ends())
}

// TestFollowsSwappedDirectory replaces the files as Kubernetes updates a Secret volume.
func TestFollowsSwappedDirectory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		volume := t.TempDir()
		data := filepath.Join(volume, "..data")
		put := func(version string, pair pki.Pair) {
			folder := filepath.Join(volume, version)
			require.NoError(t, os.Mkdir(folder, 0o700))
			pair.Write(t, folder)
			require.NoError(t, os.Symlink(version, data+".next"))
			require.NoError(t, os.Rename(data+".next", data))
		}
		put("1", pki.New(t, "first"))
		for _, name := range []string{"tls.crt", "tls.key"} {
			require.NoError(t, os.Symlink("..data/"+name, filepath.Join(volume, name)))
		}
		files := certificate.Files{Chain: filepath.Join(volume, "tls.crt"),
			Key: filepath.Join(volume, "tls.key"), Strict: true}
		current, err := certificate.Read(files)
		require.NoError(t, err)
		source := certificate.NewSilentSource(files, current, clock.New(), &recorder{})
		source.Start(t.Context())
		defer source.Stop()
		put("2", pki.New(t, "second"))
		require.NoError(t, os.RemoveAll(filepath.Join(volume, "1")))
		waitChecks(1)
		assert.Equal(t, "second", source.Current().Leaf.DNSNames[0])
	})
}
