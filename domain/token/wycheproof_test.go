package token_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/strict"
	"github.com/offload/sessiond/domain/token"
	"github.com/offload/sessiond/test/vectors"
)

// Why each valid JSON Web Signature of Project Wycheproof is rejected here. None of them is a
// session, so all of them are.
const (
	byAlgorithm = "the algorithm is not supported"
	byPayload   = "ES256: the payload is no object"
	byForm      = "HS256 in three segments: under a symmetric key only the compact form is accepted"
)

// keyOfGroup returns the key of the group if its algorithm is supported, and otherwise an EdDSA key
// with the same id, so that a token never fails because of its id alone.
func keyOfGroup(t testing.TB, group vectors.JWSGroup) (key keys.Key, supported bool) {
	t.Helper()
	var named struct{ Kty, Crv, Kid, K, D string }
	require.NoError(t, json.Unmarshal(group.Private, &named))
	id, ok := keys.ParseID(named.Kid)
	if !ok {
		id = "kid" // an email address, which is not a valid id
	}
	switch {
	case named.Kty == "oct":
		secret, err := strict.DecodeBase64(named.K)
		require.NoError(t, err)
		return keys.NewHS256(id, secret, past), true
	case named.Kty == "EC" && named.Crv == "P-256":
		scalar, err := strict.DecodeBase64(named.D)
		require.NoError(t, err)
		return keys.NewES256(id, scalar, past), true
	}
	return keys.NewEdDSA(id, pair.Secret(), past), false
}

// TestWycheproofJWSRejected verifies every case as a token. None is a session, so all must be
// rejected; the test asserts by which checks.
func TestWycheproofJWSRejected(t *testing.T) {
	got, reasons := map[token.Reason]int{}, map[string]int{}
	for _, group := range vectors.JSONWebSignature() {
		key, supported := keyOfGroup(t, group)
		keyring := mustKeyring(key)
		for _, c := range group.Tests {
			t.Run(strconv.Itoa(c.ID), func(t *testing.T) {
				reason := reasonUnder(t, c.JWS, keyring, noon)
				require.NotEqual(t, token.Reason(""), reason, c.Comment)
				got[reason]++
				if !c.Valid() {
					return
				}
				switch {
				case !supported:
					reasons[byAlgorithm]++
				case key.Algorithm() == keys.ES256:
					require.Equal(t, token.ReasonJSON, reason, c.Comment)
					reasons[byPayload]++
				default:
					reasons[byForm]++
				}
			})
		}
	}
	assert.Equal(t, map[token.Reason]int{
		token.ReasonSegments:        32,  // one, four, or an empty one; JSON serialization
		token.ReasonEncoding:        14,  // white space, other characters, nonzero unused bits
		token.ReasonSignatureLength: 329, // HMAC in three segments, RSA, ECDSA on larger curves
		token.ReasonJSON:            25,  // ES256: the payload is no object
		token.ReasonSignature:       1,   // header "." signature: compact, with a known kid
	}, got)
	assert.Equal(t, map[string]int{byForm: 10, byPayload: 2, byAlgorithm: 34}, reasons,
		"valid as a JWS, rejected here by design")
}

// TestWycheproofKeys checks that keys for other algorithms or uses are refused in a keyset, and
// that those for HS256 and ES256 are accepted.
func TestWycheproofKeys(t *testing.T) {
	read, refused := 0, 0
	for _, group := range vectors.JSONWebSignature() {
		_, supported := keyOfGroup(t, group)
		supported = supported && group.Comment != forEncryption
		text := strings.TrimSpace(string(group.Private))
		keyring, err := keys.ParseSet(`{"keys":[` + strings.TrimSuffix(text, "}") +
			`,"sign_from":"2026-02-16T11:00:00Z"}]}`)
		assert.Equal(t, supported, err == nil, "%s: %v", group.Comment, err)
		if err != nil {
			refused++
			continue
		}
		read++
		key, _ := keyOfGroup(t, group)
		assert.Equal(t, key.Secret(), keyring.Keys()[0].Secret())
	}
	assert.Equal(t, [2]int{6, 17}, [2]int{read, refused})
}

// TestWycheproofHS256 verifies the cases with symmetric keys as JWS, a form that is not accepted
// for tokens, using the decoders and the verification code that tokens use.
func TestWycheproofHS256(t *testing.T) {
	// Cases with a different result here than in Wycheproof, each with its reason.
	differs := map[int]string{
		367: "padding is missing from the file: the text equals that of 357, which is valid",
		370: "padding is missing from the file: the text equals that of 357, which is valid",
		372: "a character outside the alphabet, listed as valid",
		373: "a character outside the alphabet, listed as valid",
	}
	cases, verified, texts := 0, 0, map[int]string{}
	for _, group := range vectors.JSONWebSignature() {
		key, _ := keyOfGroup(t, group)
		if key.Algorithm() != keys.HS256 {
			continue
		}
		for _, c := range group.Tests {
			cases++
			texts[c.ID] = c.JWS
			t.Run(strconv.Itoa(c.ID), func(t *testing.T) {
				accepted := verifiesAsJWS(c.JWS, key)
				_, other := differs[c.ID]
				assert.Equal(t, c.Valid() != other, accepted, "%s: %s", c.Comment, differs[c.ID])
				if accepted {
					verified++
				}
			})
		}
	}
	assert.Equal(t, [2]int{40, 10}, [2]int{cases, verified}, "cases, verified")
	assert.Equal(t, texts[357], texts[367])
	assert.Equal(t, texts[357], texts[370])
	assert.Contains(t, strings.Split(texts[372], ".")[0], "?")
	assert.Contains(t, strings.Split(texts[373], ".")[1], "?")
}

// forEncryption is the comment of the groups whose key is of P-256, but for key agreement by its
// use or its key_ops.
const forEncryption = "ec_key_for_encryption"

// TestWycheproofES256 verifies the cases with P-256 keys as JWS, using the decoders and the
// verification code that tokens use.
func TestWycheproofES256(t *testing.T) {
	// Cases with a different result here than in Wycheproof, each with its reason.
	differs := map[int]string{
		18: "s is in the upper half of the order: a token has one text",
	}
	cases, verified := 0, 0
	for _, group := range vectors.JSONWebSignature() {
		key, _ := keyOfGroup(t, group)
		if key.Algorithm() != keys.ES256 || group.Comment == forEncryption {
			continue // the keys for encryption are refused: see TestWycheproofKeys
		}
		for _, c := range group.Tests {
			cases++
			t.Run(strconv.Itoa(c.ID), func(t *testing.T) {
				accepted := verifiesAsJWS(c.JWS, key)
				_, other := differs[c.ID]
				assert.Equal(t, c.Valid() != other, accepted, "%s: %s", c.Comment, differs[c.ID])
				if other {
					assert.True(t, verifiesAsJWS(withOtherS(t, c.JWS), key))
				}
				if accepted {
					verified++
				}
			})
		}
	}
	assert.Equal(t, [2]int{39, 1}, [2]int{cases, verified}, "cases, verified")
}

// verifiesAsJWS reports whether text is a JWS with a header of exactly alg and kid, validly signed
// by key.
func verifiesAsJWS(text string, key keys.Key) bool {
	segments := strings.Split(text, ".")
	if len(segments) != 3 {
		return false
	}
	var decoded [3][]byte
	for i, segment := range segments {
		var err error
		if decoded[i], err = strict.DecodeBase64(segment); err != nil || len(decoded[i]) == 0 {
			return false
		}
	}
	header, err := strict.Parse(string(decoded[0]))
	if err != nil || header.Repeated > 0 || len(header.Members()) != 2 {
		return false
	}
	for name, want := range map[string]string{"alg": string(key.Algorithm()), "kid": string(key.ID())} {
		member, _ := header.Member(name)
		if text, _ := member.Text(); text != want {
			return false
		}
	}
	return key.Verify([]byte(segments[0]+"."+segments[1]), decoded[2])
}
