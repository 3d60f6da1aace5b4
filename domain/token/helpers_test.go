package token_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/token"
)

var (
	noon     = time.Date(2026, 2, 16, 12, 0, 0, 0, time.UTC)
	settings = session.Settings{Issuer: "issuer", Audience: "audience", Lifetime: 2 * time.Minute}
	kid      = keys.NewHS256("kid", []byte("a secret that only tests know"),
		keys.Plan{SignFrom: noon.Add(-time.Hour)})
	ended = keys.NewHS256("ended", []byte("another secret"),
		keys.Plan{SignFrom: noon.Add(-2 * time.Hour), VerifyUntil: noon})
	keyring = mustKeyring(kid, ended)
)

func mustKeyring(all ...keys.Key) *keys.Keyring {
	made, err := keys.NewKeyring(all...)
	if err != nil {
		panic(err)
	}
	return made
}

func installID(t testing.TB, text string) session.InstallID {
	t.Helper()
	id, violated := session.ParseInstallID(text)
	require.Equal(t, session.RuleNone, violated)
	return id
}

// Claims of a valid payload, which expires two minutes after noon.
const (
	iat = "1771243200"
	exp = "1771243320"
)

// members are the members of a payload in order: a name, and its value as JSON.
type members [][2]string

func valid() members {
	return members{
		{"v", "2"},
		{"kid", `"kid"`},
		{"iat", iat},
		{"nbf", iat},
		{"iss", `"issuer"`},
		{"aud", `"audience"`},
		{"install_id", `"install-12345"`},
		{"exp", exp},
	}
}

// with returns a copy of the members with other values for some names; pairs alternates names and
// values.
func (m members) with(pairs ...string) members {
	changed := append(members{}, m...)
	for i := 0; i < len(pairs); i += 2 {
		for j := range changed {
			if changed[j][0] == pairs[i] {
				changed[j][1] = pairs[i+1]
			}
		}
	}
	return changed
}

// without returns the members without the named one.
func (m members) without(name string) members {
	var rest members
	for _, member := range m {
		if member[0] != name {
			rest = append(rest, member)
		}
	}
	return rest
}

func (m members) json() string {
	var written []string
	for _, member := range m {
		written = append(written, `"`+member[0]+`":`+member[1])
	}
	return "{" + strings.Join(written, ",") + "}"
}

// signed returns the payload, whatever it is, as a compact token under the key kid.
func signed(payload string) string { return signedBy(kid, payload) }

// signedBy returns the payload as a compact token under key.
func signedBy(key keys.Key, payload string) string {
	first := base64.RawURLEncoding.EncodeToString([]byte(payload))
	return first + "." + base64.RawURLEncoding.EncodeToString(key.Sign([]byte(first)))
}

// reasonOf verifies text at noon and returns the reason of the rejection; it is empty if the token
// was accepted.
func reasonOf(t testing.TB, text string) token.Reason {
	t.Helper()
	return reasonAt(t, text, noon)
}

func reasonAt(t testing.TB, text string, now time.Time) token.Reason {
	t.Helper()
	return reasonUnder(t, text, keyring, now)
}

func reasonUnder(t testing.TB, text string, keyring *keys.Keyring, now time.Time) token.Reason {
	t.Helper()
	claims, err := token.Verify(text, keyring, settings, now)
	if err == nil {
		return ""
	}
	require.Equal(t, session.Claims{}, claims, "must return zero Claims")
	rejection, ok := errors.AsType[*token.Rejection](err)
	require.True(t, ok)
	require.Contains(t, token.Reasons(), rejection.Reason)
	return rejection.Reason
}
