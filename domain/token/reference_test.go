package token_test

import (
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/strict"
	"github.com/offload/sessiond/domain/token"
)

// referenceReason returns why a compact token with payload, signed by key, is rejected; it is empty
// if it is accepted. It makes checks 5 to 12 in the plainest way: each claim is looked up in a
// document that has all members.
func referenceReason(payload string, key keys.Key, keyring *keys.Keyring, now time.Time,
) token.Reason {
	document, err := strict.Parse(payload)
	if err != nil || document.Kind() != strict.Object || document.Repeated > 0 {
		return token.ReasonJSON
	}
	member, _ := document.Member("kid")
	kid, _ := member.Text()
	named, known := keyring.VerifierAt(keys.ID(kid), now)
	switch {
	case !known:
		return token.ReasonUnknownKey
	case named.Algorithm() != keys.HS256:
		return token.ReasonAlgorithm
	case named.ID() != key.ID():
		return token.ReasonSignature
	}
	texts, numbers := map[string]string{}, map[string]int64{}
	for _, name := range []string{"v", "kid", "iat", "nbf", "iss", "aud", "exp", "install_id"} {
		value, found := document.Member(name)
		if !found {
			return token.ReasonClaimMissing
		}
		text, isText := value.Text()
		switch name {
		case "kid", "iss", "aud", "install_id":
			if !isText {
				return token.ReasonClaimType
			}
			if text == "" {
				return token.ReasonClaimBounds
			}
			texts[name] = text
		default:
			if value.Kind() != strict.Number || strings.Trim(value.Raw(), "0123456789") != "" {
				return token.ReasonClaimType
			}
			number, err := strconv.ParseInt(value.Raw(), 10, 64)
			if err != nil || number > 253402300799 {
				return token.ReasonClaimBounds
			}
			numbers[name] = number
		}
	}
	_, violated := session.ParseInstallID(texts["install_id"])
	switch {
	case violated != session.RuleNone:
		return token.ReasonClaimBounds
	case numbers["v"] != 2:
		return token.ReasonVersion
	case texts["iss"] != settings.Issuer:
		return token.ReasonIssuer
	case texts["aud"] != settings.Audience:
		return token.ReasonAudience
	case numbers["iat"] > numbers["nbf"] || numbers["nbf"] >= numbers["exp"]:
		return token.ReasonInstants
	case numbers["nbf"] > now.Unix():
		return token.ReasonNotYetValid
	case numbers["exp"] <= now.Unix():
		return token.ReasonExpired
	}
	return ""
}

// assertReason compares Verify with the reference.
func assertReason(t rapid.TB, payload string) {
	t.Helper()
	text := signed(payload)
	if len(text) > token.MaxLength || payload == "" {
		return
	}
	_, err := token.Verify(text, both, settings, noon)
	var got token.Reason
	if rejection, ok := errors.AsType[*token.Rejection](err); ok {
		got = rejection.Reason
	}
	assert.Equal(t, referenceReason(payload, kid, both, noon), got, payload)
}

// TestVerifyLikeReference compares Verify with the reference for payloads whose members are in any
// order, missing, repeated, unknown, escaped, spaced, or of any type.
func TestVerifyLikeReference(t *testing.T) {
	names := []string{"v", "kid", "iat", "nbf", "iss", "aud", "install_id", "exp", "sub", "x", "",
		"v ", "exp\u0000"}
	values := []string{"2", "3", "0", iat, exp, "1771243319", "1771243321", "253402300799",
		"253402300800", "99999999999999999999", "12345678901234567890e1", "1771243200.0", "-1",
		`"kid"`, `"ended"`, `"pair"`, `"other"`, `"issuer"`, `"audience"`, `"install-12345"`,
		`"\u006bid"`, `"short"`, `""`, "null", "true", "[]", "{}", `{"v":2}`, `{"a":1,"a":2}`,
		`"tab\u0009 in it"`, `"        "`}
	space := rapid.SampledFrom([]string{"", "", "", " ", "\n", "\r\n\t"})
	rapid.Check(t, func(r *rapid.T) {
		all := valid()
		for range rapid.IntRange(0, 3).Draw(r, "changes") {
			at := rapid.IntRange(0, len(all)-1).Draw(r, "at")
			member := [2]string{rapid.SampledFrom(names).Draw(r, "name"),
				rapid.SampledFrom(values).Draw(r, "value")}
			switch rapid.IntRange(0, 4).Draw(r, "change") {
			case 0:
				all[at][1] = member[1]
			case 1:
				all = append(all[:at:at], all[at+1:]...)
			case 2:
				all = append(all, member)
			case 3:
				all[0], all[at] = all[at], all[0]
			case 4:
				all[at] = member
			}
			if len(all) == 0 {
				break
			}
		}
		written := make([]string, len(all))
		for i, member := range all {
			name := strconv.Quote(member[0])
			if strings.HasSuffix(member[0], "\x00") {
				name = `"exp\u0000"`
			} else if rapid.IntRange(0, 9).Draw(r, "escape") == 0 && member[0] == "v" {
				name = `"\u0076"`
			}
			written[i] = space.Draw(r, "space") + name + space.Draw(r, "space") + ":" +
				space.Draw(r, "space") + member[1] + space.Draw(r, "space")
		}
		assertReason(r, "{"+strings.Join(written, ",")+"}"+space.Draw(r, "space"))
	})
}

// TestResultsAreTheCallers shows that what Sign and Verify return does not change with later calls,
// whatever other goroutines sign, verify, or have rejected.
func TestResultsAreTheCallers(t *testing.T) {
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			key := []keys.Key{kid, pair}[worker%2]
			var texts []string
			var read []session.Claims
			for i := range 200 {
				id := installID(t, strings.Repeat("x", 8+(worker*31+i)%100)+strconv.Itoa(i))
				claims := settings.Claims(id, key.ID(), noon)
				text := token.Sign(claims, key)
				got, err := token.Verify(text, both, settings, noon)
				assert.NoError(t, err)
				_, _ = token.Verify(text+"AAAA", both, settings, noon)
				named, _, err := token.KeyOf(text)
				assert.NoError(t, err)
				assert.Equal(t, key.ID(), named)
				texts, read = append(texts, text), append(read, got)
			}
			for i, claims := range read {
				want := strings.Repeat("x", 8+(worker*31+i)%100) + strconv.Itoa(i)
				assert.Equal(t, want, claims.InstallID.Text())
				assert.Equal(t, settings.Issuer, claims.Issuer)
				assert.Equal(t, texts[i], token.Sign(claims, key))
			}
		})
	}
	group.Wait()
}

// TestAllocations shows that Sign and Verify allocate nothing but what they return: the text of a
// token; the text of a payload and an install id.
func TestAllocations(t *testing.T) {
	claims := settings.Claims(installID(t, "3f2b8f0a-7f0e-4d52-9a39-0b6f5b1f7b11"), kid.ID(), noon)
	text := token.Sign(claims, kid)
	assert.LessOrEqual(t, least(func() { token.Sign(claims, kid) }), 1.0)
	assert.LessOrEqual(t, least(func() {
		_, err := token.Verify(text, both, settings, noon)
		require.NoError(t, err)
	}), 2.0)
}

// least returns the fewest allocations of a call in many tries: collections and the race detector
// empty pools.
func least(call func()) float64 {
	fewest := testing.AllocsPerRun(1, call)
	for range 99 {
		fewest = min(fewest, testing.AllocsPerRun(1, call))
	}
	return fewest
}
