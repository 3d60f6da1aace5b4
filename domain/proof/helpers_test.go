package proof_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/proof"
	"github.com/offload/sessiond/domain/session"
)

// The request that the proofs of the tests are for, and its time.
const (
	method = "POST"
	uri    = "https://sessions.example.com/v1/sessions/anonymous"
	access = "a.token"
)

var noon = time.Date(2026, 2, 16, 12, 0, 0, 0, time.UTC)

// device is a key of a device.
type device struct {
	key keys.Key
	jwk members
}

var (
	okp = newDevice(keys.NewEdDSA("device", []byte("a seed of a device in the tests."),
		keys.Plan{}), `"OKP"`, `"Ed25519"`, "x")
	ec = newDevice(keys.NewES256("device", []byte("a scalar of a device, for tests."),
		keys.Plan{}), `"EC"`, `"P-256"`, "x", "y")
)

func newDevice(key keys.Key, kty, crv string, coordinates ...string) device {
	jwk := members{{"kty", kty}, {"crv", crv}}
	public := key.Public()
	for _, name := range coordinates {
		jwk = append(jwk, [2]string{name, `"` + encoded(string(public[:32])) + `"`})
		public = public[32:]
	}
	return device{key, jwk}
}

// thumbprint returns the thumbprint of the key as the text of RFC 7638 describes it.
func (d device) thumbprint() string {
	sorted := slices.Clone(d.jwk)
	slices.SortFunc(sorted, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	digest := sha256.Sum256([]byte(sorted.json()))
	return encoded(string(digest[:]))
}

// members are the members of an object, each with its value as JSON.
type members [][2]string

// with returns the members with one changed or added.
func (m members) with(name, value string) members {
	changed := slices.Clone(m)
	for i := range changed {
		if changed[i][0] == name {
			changed[i][1] = value
			return changed
		}
	}
	return append(changed, [2]string{name, value})
}

func (m members) without(name string) members {
	return slices.DeleteFunc(slices.Clone(m), func(one [2]string) bool { return one[0] == name })
}

func (m members) json() string {
	var written []string
	for _, member := range m {
		written = append(written, `"`+member[0]+`":`+member[1])
	}
	return "{" + strings.Join(written, ",") + "}"
}

func encoded(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// draft is a proof before it is encoded.
type draft struct {
	device         device
	header, claims members
}

// valid returns a proof for the request at noon, without a token.
func (d device) valid() draft {
	return draft{d, members{{"typ", `"dpop+jwt"`}, {"alg", `"` + string(d.key.Algorithm()) + `"`},
		{"jwk", d.jwk.json()}}, members{{"jti", `"an id"`}, {"htm", `"` + method + `"`},
		{"htu", `"` + uri + `"`}, {"iat", "1771243200"}}}
}

// headed returns the proof with a member of the header changed or added.
func (d draft) headed(name, value string) draft {
	d.header = d.header.with(name, value)
	return d
}

// claiming returns the proof with a claim changed or added.
func (d draft) claiming(name, value string) draft {
	d.claims = d.claims.with(name, value)
	return d
}

// keyed returns the proof with a member of its jwk changed or added.
func (d draft) keyed(name, value string) draft {
	return d.headed("jwk", d.device.jwk.with(name, value).json())
}

// withToken returns the proof for a request with that token.
func (d draft) withToken(token string) draft {
	return d.claiming("ath", `"`+digestOf(token)+`"`)
}

// digestOf returns the claim ath for a token (RFC 9449 §4.2).
func digestOf(token string) string {
	digest := sha256.Sum256([]byte(token))
	return encoded(string(digest[:]))
}

func (d draft) text() string { return signed(d.header.json(), d.claims.json(), d.device.key) }

// signed returns the JWS of any header and payload.
func signed(header, payload string, key keys.Key) string {
	text := encoded(header) + "." + encoded(payload)
	return text + "." + encoded(string(key.Sign([]byte(text))))
}

// presented returns the request at noon with these proofs.
func presented(proofs ...string) proof.Presented {
	return proof.Presented{Proofs: proofs, Target: proof.NewTarget(method, uri), Now: noon}
}

// judged returns the reason for which a request to issue with that proof, and with the install id
// of its key, is rejected; "" if it is accepted.
func judged(t testing.TB, d draft) proof.Reason {
	t.Helper()
	return issued(t, presented(d.text()), d.device.thumbprint())
}

// issued returns the reason for which a request to issue is rejected; "" if it is accepted as
// bound.
func issued(t testing.TB, p proof.Presented, id string) proof.Reason {
	t.Helper()
	accepted, bound, err := p.Issue(installID(t, id), session.BindingRequire)
	reason := reasonOf(t, err)
	if reason == "" {
		assert.True(t, bound)
		assert.Equal(t, id, accepted.Key().Text())
	} else {
		assert.False(t, bound)
		assert.Equal(t, proof.Proof{}, accepted, "no proof may come with a rejection")
	}
	return reason
}

func reasonOf(t testing.TB, err error) proof.Reason {
	t.Helper()
	if err == nil {
		return ""
	}
	rejection, ok := errors.AsType[*proof.Rejection](err)
	require.True(t, ok, "%v", err)
	assert.Contains(t, proof.Reasons(), rejection.Reason)
	return rejection.Reason
}

func installID(t testing.TB, text string) session.InstallID {
	t.Helper()
	id, violated := session.ParseInstallID(text)
	require.Equal(t, session.RuleNone, violated)
	return id
}

// accepted lists nonces that are accepted at any time.
type accepted []string

func (a accepted) Accepts(nonce string, _ time.Time) bool { return slices.Contains(a, nonce) }
