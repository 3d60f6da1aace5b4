package vectors_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/test/vectors"
)

func TestGroups(t *testing.T) {
	cases := map[string]int{}
	names := map[string]bool{}
	for _, group := range vectors.Groups() {
		cases[group.Name] = len(group.Cases)
		assert.NotZero(t, group.Now.Unix(), group.Name)
		assert.NotEmpty(t, group.Issuer, group.Name)
		assert.NotEmpty(t, group.Audience, group.Name)
		assert.NotEmpty(t, group.ActiveKid, group.Name)
		assert.NotEqual(t, len(group.Keys) > 0, len(group.Keyset) > 0, "%s must have keys or a keyset",
			group.Name)
		for _, c := range group.Cases {
			assert.False(t, names[c.Name], "%s is repeated", c.Name)
			names[c.Name] = true
			assert.Contains(t, []vectors.Want{vectors.Valid, vectors.InvalidToken,
				vectors.ExpiredToken}, c.Want, c.Name)
			assert.Equal(t, c.Want == vectors.Valid, c.InstallID != "",
				"%s: only a valid token has an install ID", c.Name)
		}
	}
	assert.Equal(t, map[string]int{
		"": 539, "compact, odd text": 35, "compact, clock skew 0": 15, "compact, clock skew 2": 15,
		"compact, clock skew 60":       15,
		"compact, last second of 9999": 4, "compact, keys of a keyset": 30, "JWS": 322,
		"JWS, clock skew 60": 15,
	}, cases)
}

func TestGroupsAreComplete(t *testing.T) {
	skews := map[string]float64{}
	for _, group := range vectors.Groups() {
		skews[group.Name] = group.ClockSkew.Seconds()
	}
	assert.Equal(t, map[string]float64{
		"": 0, "compact, odd text": 0, "compact, clock skew 0": 0, "compact, clock skew 2": 2,
		"compact, clock skew 60":       60,
		"compact, last second of 9999": 2, "compact, keys of a keyset": 0, "JWS": 2,
		"JWS, clock skew 60": 60,
	}, skews)
	first := vectors.Groups()[0]
	assert.Equal(t, "2026-02-16T12:00:00Z", first.Now.Format("2006-01-02T15:04:05Z07:00"))
	assert.Len(t, first.Keys, 6)
	assert.Equal(t, "test-secret", first.Keys[first.ActiveKid])
}

// TestProofs checks that names are unique, and that every expectation is a word of the file.
func TestProofs(t *testing.T) {
	proofs := vectors.DPoP()
	words := map[string]bool{"valid": true, "bound": true, "unbound": true}
	for reason := range proofs.Codes {
		words[reason] = true
	}
	var names, expected []string
	for _, c := range proofs.Cases {
		names, expected = append(names, c.Name), append(append(expected, c.Expect), c.Also...)
		assert.Equal(t, c.Scheme != "", c.Text != "", c.Name)
	}
	for _, s := range proofs.Sequences {
		names = append(names, s.Name)
		for _, step := range s.Steps {
			expected = append(expected, step.Expect)
			assert.Len(t, step.DPoP, 1, s.Name)
		}
	}
	for _, c := range proofs.Forwarded {
		names, expected = append(names, c.Name), append(expected, c.Expect)
		assert.NotEmpty(t, c.DPoP, c.Name)
	}
	for _, c := range proofs.InstallIDs {
		names, expected = append(names, c.Name), append(expected, c.Expect)
	}
	assert.Len(t, names, 122+7+10+7)
	seen := map[string]bool{}
	for _, name := range names {
		assert.False(t, seen[name], name)
		seen[name] = true
	}
	for _, word := range expected {
		assert.True(t, words[word], word)
	}
	for name := range proofs.Keys {
		assert.Len(t, proofs.Thumbprints[name], 43, name)
	}
}

func TestWycheproof(t *testing.T) {
	ids := map[int]bool{}
	valid := 0
	count := func(c vectors.WycheproofCase) {
		assert.False(t, ids[c.ID], "%d is repeated", c.ID)
		assert.Contains(t, []string{"valid", "invalid"}, c.Result)
		ids[c.ID] = true
		if c.Valid() {
			valid++
		}
	}
	for _, group := range vectors.Ed25519() {
		assert.Len(t, group.PublicKey.Bytes, 32)
		for _, c := range group.Tests {
			count(c.WycheproofCase)
		}
	}
	assert.Equal(t, [2]int{151, 88}, [2]int{len(ids), valid}, "Ed25519")

	ids, valid = map[int]bool{}, 0
	for _, group := range vectors.P256() {
		assert.Len(t, group.PublicKey.Uncompressed, 65)
		for _, c := range group.Tests {
			count(c.WycheproofCase)
		}
	}
	assert.Equal(t, [2]int{252, 169}, [2]int{len(ids), valid}, "ECDSA P-256")

	ids, valid = map[int]bool{}, 0
	for _, group := range vectors.HMACSHA256() {
		for _, c := range group.Tests {
			count(c.WycheproofCase)
			assert.Equal(t, [2]int{group.KeyBits, group.TagBits},
				[2]int{8 * len(c.Key), 8 * len(c.Tag)})
		}
	}
	assert.Equal(t, [2]int{174, 66}, [2]int{len(ids), valid}, "HMAC-SHA256")

	ids, valid = map[int]bool{}, 0
	for _, group := range vectors.JSONWebSignature() {
		assert.NotEmpty(t, group.Private)
		for _, c := range group.Tests {
			count(c.WycheproofCase)
		}
	}
	assert.Equal(t, [2]int{401, 46}, [2]int{len(ids), valid}, "JSON Web Signature")
}
