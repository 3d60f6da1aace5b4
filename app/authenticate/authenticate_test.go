package authenticate_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/app/authenticate"
	"github.com/offload/sessiond/domain/failure"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/proof"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/token"
	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/ports/portsfake"
	"github.com/offload/sessiond/ports/portsmock"
)

var (
	noon     = time.Date(2026, 2, 16, 12, 0, 0, 0, time.UTC)
	settings = session.Settings{Issuer: "issuer", Audience: "audience", Lifetime: time.Minute,
		ClockSkew: 2 * time.Second}
)

func TestAuthenticateVerifiesTheToken(t *testing.T) {
	keyring, err := keys.NewKeyring(keys.NewHS256("kid", []byte("secret"), keys.Plan{}))
	require.NoError(t, err)
	signer, ok := keyring.SignerAt(noon)
	require.True(t, ok)
	id, rule := session.ParseInstallID("install-12345")
	require.Empty(t, rule)
	claims := settings.Claims(id, "kid", noon)
	text := token.Sign(claims, signer)

	for _, c := range []struct {
		name   string
		at     time.Duration
		values []string
		reason token.Reason
		kind   failure.Kind
	}{
		{name: "a valid session", values: []string{"Bearer " + text}},
		{
			name: "the last instant before it expires", at: time.Minute - 1,
			values: []string{"Bearer " + text},
		},
		{
			name: "the instant at which it expires", at: time.Minute,
			values: []string{"Bearer " + text},
			reason: token.ReasonExpired, kind: failure.ExpiredToken,
		},
		{
			name: "issued in the future, within the clock skew", at: -2 * time.Second,
			values: []string{"Bearer " + text},
		},
		{
			name: "issued in the future, beyond the clock skew", at: -2*time.Second - 1,
			values: []string{"Bearer " + text},
			reason: token.ReasonNotYetValid, kind: failure.InvalidToken,
		},
		{name: "no header", reason: token.ReasonMissing, kind: failure.Unauthorized},
		{name: "two headers", values: []string{"Bearer " + text, "Bearer " + text},
			reason: token.ReasonCredentials, kind: failure.InvalidToken},
		{name: "not a token", values: []string{"Bearer x"}, reason: token.ReasonSegments,
			kind: failure.InvalidToken},
	} {
		t.Run(c.name, func(t *testing.T) {
			events := &portsfake.Events{}
			clock := &portsmock.ClockMock{NowFunc: func() time.Time { return noon.Add(c.at) }}
			service := authenticate.New(portsfake.NewKeys(keyring), clock, events, settings,
				proof.Nonces{})
			got, err := service.Authenticate(t.Context(),
				ports.Credentials{Authorization: c.values})
			assert.Equal(t, []ports.Event{ports.TokenVerified{Reason: c.reason}}, events.Recorded(),
				"the outcome is recorded once, with its reason")
			assert.LessOrEqual(t, len(clock.NowCalls()), 1, "the clock is read at most once")
			if c.reason == "" {
				require.NoError(t, err)
				assert.Equal(t, claims, got)
				return
			}
			assert.Equal(t, c.kind, failure.KindOf(err))
			assert.Equal(t, session.Claims{}, got)
		})
	}
}

// refresher is a ports.KeyRefresher that counts the calls of Refresh.
type refresher struct {
	ports.KeySource
	refreshes int
}

func (r *refresher) Refresh() { r.refreshes++ }

func TestUnknownKeyRefreshesKeys(t *testing.T) {
	keyring := func(id keys.ID) *keys.Keyring {
		made, err := keys.NewKeyring(keys.NewHS256(id, []byte("secret of "+id), keys.Plan{}))
		require.NoError(t, err)
		return made
	}
	inForce := keyring("known")
	source := &refresher{KeySource: portsfake.NewKeys(inForce)}
	service := authenticate.New(source, portsfake.NewClock(noon), &portsfake.Events{}, settings,
		proof.Nonces{})
	id, rule := session.ParseInstallID("install-12345")
	require.Empty(t, rule)
	for _, c := range []struct {
		kid       keys.ID
		refreshes int
	}{{"known", 0}, {"unknown", 1}, {"known", 1}, {"unknown", 2}} {
		signer, _ := keyring(c.kid).SignerAt(noon)
		text := token.Sign(settings.Claims(id, c.kid, noon), signer)
		_, _ = service.Authenticate(t.Context(),
			ports.Credentials{Authorization: []string{"Bearer " + text}})
		assert.Equal(t, c.refreshes, source.refreshes)
	}
	_, _ = service.Authenticate(t.Context(),
		ports.Credentials{Authorization: []string{"Bearer no-token"}})
	assert.Equal(t, 2, source.refreshes, "a text that is no token names no key")
}
