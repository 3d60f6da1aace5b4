package keys_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/leaks"
)

// material returns 32 bytes that depend only on name and are unlike any other text.
func material(name string) []byte {
	sum := sha256.Sum256([]byte("material of " + name))
	return sum[:]
}

// keySearch is a search for key material.
type keySearch struct{ *leaks.Search }

// keep forbids key material: the whole and each half, because part of a key is a leak too.
func (s keySearch) keep(name string, material []byte) {
	half := len(material) / 2
	s.Forbidden[name] = string(material)
	s.Forbidden[name+", first half"], s.Forbidden[name+", second half"] = string(material[:half]),
		string(material[half:])
}

// walk requests every route with every method, with and without a token, and adds every response,
// successful ones included.
func (s keySearch) walk(t *testing.T, when string, service *harness.InProcess) {
	t.Helper()
	name := func(what ...string) string { return when + ": " + strings.Join(what, " ") }
	issued := service.Issue(t, fmt.Sprintf("install-%d", len(s.Places)))
	s.Add(name("issued"), issued)
	var with []harness.Header
	if issued.Status == http.StatusOK {
		with = append(with, harness.Bearer(issued.Session(t).Token))
	}
	for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS", "DELETE"} {
		for _, path := range []string{
			harness.IssuePath, "/v1/sessions/current", "/v1/sessions/verify",
			"/v1/sessions/verify/x", harness.JWKSPath, "/v1/health", "/openapi.json", "/",
		} {
			s.Add(name(method, path), service.Send(t, method, path, ""))
			s.Add(name(method, path, "with a token"), service.Send(t, method, path, "", with...))
		}
		for _, path := range []string{"/livez", "/readyz", "/metrics", "/"} {
			s.Add(name(method, "operations", path), service.Operations(t, method, path))
		}
	}
}

// commands adds the output of commands on a keyset. None of them changes it.
func (s keySearch) commands(t *testing.T, when string, env harness.Env, commands ...string) {
	t.Helper()
	for _, command := range commands {
		s.Places["output: "+when+": "+command] = harness.Run(t, env,
			strings.Fields(command)...).Output
	}
}

// TestKeysLeakNothing searches everything that leaves the service and its commands, successful
// responses included, for key material: with keys of every algorithm signing, during reloads, and
// while the keyset file is invalid with key material in the wrong places.
func TestKeysLeakNothing(t *testing.T) {
	t.Parallel()
	search := keySearch{leaks.New()}
	public := map[string]string{}
	from := harness.Noon.Add
	signs := keys.NewHS256("signs", material("signs"), keys.Plan{SignFrom: from(0)})
	signed := keys.NewHS256("signed", material("signed"), keys.Plan{SignFrom: from(-time.Hour)})
	revoked := keys.NewEdDSA("revoked", material("revoked"),
		keys.Plan{SignFrom: from(-time.Hour), Revoked: true})
	next := keys.NewEdDSA("next", material("next"), keys.Plan{SignFrom: from(time.Hour)})
	last := keys.NewES256("last", material("last"), keys.Plan{SignFrom: from(2 * time.Hour)})
	for _, key := range []keys.Key{signs, signed, revoked, next, last} {
		search.keep("key "+string(key.ID()), key.Secret())
		if key.Algorithm().Published() {
			public[string(key.ID())] = string(key.Public()[:32]) // x
		}
	}
	digest := base64.StdEncoding.EncodeToString(material("digest"))
	search.Forbidden["the digest key"] = digest
	set := harness.NewKeyset(t, signs, signed, revoked, next)
	env := harness.BehindProxy(set.Env(harness.Env{
		"OFFLOAD_ENVIRONMENT": "production", "OFFLOAD_LOG_LEVEL": "debug",
		"OFFLOAD_LIMITER_DIGEST_KEY":  digest,
		"OFFLOAD_SESSION_TTL_SECONDS": "120", "OFFLOAD_SESSION_ISSUE_LIMIT_PER_INSTALL": "2",
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP": "1000",
	}))
	service := harness.Serve(t, env)
	search.walk(t, "at first", service)
	search.commands(t, "at first", env, "keys list", "keys list --json", "keys list --format json", "keys export",
		"keys revoke unknown", "check", "check --format json", "config")

	set.Put(t, signs, signed, revoked, next, last)
	service.Log.AwaitCount(t, "keys_reloaded", 1)
	search.walk(t, "reloaded", service)
	service.Clock.Advance(time.Hour)
	search.walk(t, "an EdDSA key signs", service)
	service.Clock.Advance(time.Hour)
	search.walk(t, "an ES256 key signs", service)

	url, hex := base64.RawURLEncoding.EncodeToString(material("signs")),
		fmt.Sprintf("%x", material("signs"))
	seed, other := base64.RawURLEncoding.EncodeToString(material("next")),
		base64.RawURLEncoding.EncodeToString(next.Public())
	const key = `"kty":"oct","alg":"HS256","kid":"signs","sign_from":"2026-02-16T12:00:00Z"`
	good := harness.KeysetText(t, signs)
	faults := map[string]string{
		"truncated JSON":                    good[:len(good)-4],
		"the raw secret instead of a set":   string(material("signs")),
		"the secret as a member of the set": `{"keys":[{` + key + `,"k":"` + url + `"}],"` + url + `":1}`,
		"a list":                            `["` + url + `"]`,
		"a key that is a string":            `{"keys":["` + url + `"]}`,
		"an unknown member":                 `{"keys":[{` + key + `,"k":"` + url + `","` + url + `":true}]}`,
		"the secret in the wrong members": `{"keys":[{"kty":"` + url + `","alg":"` + url +
			`","sign_from":"` + url + `","use":"` + url + `","revoked":"` + url + `"}]}`,
		"an invalid id": `{"keys":[{"kty":"oct","alg":"HS256","kid":"` + url + ` ` + hex +
			`","k":"` + url + `"}]}`,
		"standard base64": `{"keys":[{` + key + `,"k":"` +
			base64.StdEncoding.EncodeToString(material("signs")) + `"}]}`,
		"in hex and too long": `{"keys":[{` + key + `,"k":"` + strings.Repeat(hex, 40) + `"}]}`,
		"a number":            `{"keys":[{` + key + `,"k":1,"d":"` + url + `"}]}`,
		"a member twice":      `{"keys":[{` + key + `,"k":"` + url + `","k":"` + url + `"}]}`,
		"one key under two ids": `{"keys":[{` + key + `,"k":"` + url + `"},{` +
			strings.Replace(key, `"signs"`, `"again"`, 1) + `,"k":"` + url + `"}]}`,
		"a key pair that does not match":             `{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"next","sign_from":"2026-02-16T12:00:00Z","x":"` + url + `","d":"` + seed + `"}]}`,
		"the private part as the public part":        `{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"next","sign_from":"2026-02-16T12:00:00Z","x":"` + seed + `","d":"` + other + `"}]}`,
		"a symmetric key with the members of a pair": `{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"next","sign_from":"2026-02-16T12:00:00Z","k":"` + url + `"}]}`,
		"a scalar that does not match":               `{"keys":[{"kty":"EC","crv":"P-256","alg":"ES256","kid":"last","sign_from":"2026-02-16T12:00:00Z","x":"` + url + `","y":"` + seed + `","d":"` + seed + `"}]}`,
		"a scalar that is the order":                 `{"keys":[{"kty":"EC","crv":"P-256","alg":"ES256","kid":"last","sign_from":"2026-02-16T12:00:00Z","x":"` + url + `","y":"` + seed + `","d":"_____wAAAAD__________vOb6racXnoTzucrC_GMlUQ"}]}`,
		"the digest key as a signing key": harness.KeysetText(t, signs,
			keys.NewHS256("digest", []byte(digest), keys.Plan{SignFrom: from(0)})),
		"no key that can sign": harness.KeysetText(t, signs.WithPlan(keys.Plan{SignFrom: from(0),
			Revoked: true})),
		"text before and after the set": url + good + url,
	}
	failed := 0
	for what, text := range faults {
		// The file is removed between two faults, because the same fault is not logged twice.
		require.NoError(t, os.Remove(string(set)))
		service.Log.AwaitCount(t, "keys_reload_failed", failed+1)
		set.Write(t, text, 0o600)
		failed += 2
		service.Log.AwaitCount(t, "keys_reload_failed", failed)
		search.walk(t, what, service)
		search.commands(t, what, env, "keys list", "check")
	}
	set.Put(t, signs, signed, revoked, next, last)
	service.Log.AwaitCount(t, "keys_reloaded", 2)
	service.Clock.Advance(time.Hour)
	search.walk(t, "mended", service)

	// Every refusal too. Another test searches for the texts that the clients send.
	mine := maps.Clone(search.Forbidden)
	search.Probe(t, "every refusal", service)
	search.Forbidden = mine
	assert.Greater(t, len(search.Places), 2000)
	assert.Len(t, search.Forbidden, 16)
	assert.Empty(t, search.Found())

	// A public key is in the published set and in the output of keys export, and nowhere else. This
	// also shows that the search finds what is there. The revoked key is not published.
	places := search.Places
	for id, key := range public {
		published := 0
		for place, text := range places {
			one := leaks.Search{Forbidden: map[string]string{"public key": key},
				Places: map[string]string{place: text}}
			if len(one.Found()) == 0 {
				continue
			}
			published++
			assert.True(t, strings.Contains(place, "GET "+harness.JWKSPath) ||
				strings.HasSuffix(place, "keys export"), "%s is in %s", id, place)
		}
		assert.Equal(t, id != "revoked", published > 0, "%s is in %d places", id, published)
	}
}
