package authenticate_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/app/authenticate"
	"github.com/offload/sessiond/domain/failure"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/token"
	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/ports/portsmock"
)

var (
	noon  = time.Date(2026, 2, 16, 12, 0, 0, 0, time.UTC)
	terms = session.Settings{Issuer: "issuer", Audience: "audience", Lifetime: time.Minute,
		ClockSkew: 2 * time.Second}
)

func TestAuthenticate(t *testing.T) {
	ring, err := keys.NewKeyring(keys.NewHS256("kid", []byte("secret"), keys.Plan{}))
	require.NoError(t, err)
	signer, ok := ring.SignerAt(noon)
	require.True(t, ok)
	id, broke := session.ParseInstallID("install-12345")
	require.Empty(t, broke)
	claims := terms.Claims(id, "kid", noon)
	text := token.Sign(claims, signer)

	for _, c := range []struct {
		name   string
		at     time.Duration
		values []string
		reason token.Reason
		kind   failure.Kind
	}{
		{name: "a session", values: []string{"Bearer " + text}},
		{name: "its last instant", at: time.Minute - 1, values: []string{"Bearer " + text}},
		{name: "its end", at: time.Minute, values: []string{"Bearer " + text},
			reason: token.ReasonExpired, kind: failure.ExpiredToken},
		{name: "the skew before", at: -2 * time.Second, values: []string{"Bearer " + text}},
		{
			name: "longer before", at: -2*time.Second - 1, values: []string{"Bearer " + text},
			reason: token.ReasonNotYetValid, kind: failure.InvalidToken,
		},
		{name: "nothing", reason: token.ReasonMissing, kind: failure.Unauthorized},
		{name: "two", values: []string{"Bearer " + text, "Bearer " + text},
			reason: token.ReasonCredentials, kind: failure.InvalidToken},
		{name: "nonsense", values: []string{"Bearer x"}, reason: token.ReasonSegments,
			kind: failure.InvalidToken},
	} {
		t.Run(c.name, func(t *testing.T) {
			var events []ports.Event
			clock := &portsmock.ClockMock{NowFunc: func() time.Time { return noon.Add(c.at) }}
			service := authenticate.New(
				&portsmock.KeySourceMock{KeyringFunc: func() *keys.Keyring { return ring }}, clock,
				&portsmock.EventsMock{RecordFunc: func(_ context.Context, event ports.Event) {
					events = append(events, event)
				}},
				terms)
			got, err := service.Authenticate(t.Context(), c.values)
			assert.Equal(t, []ports.Event{ports.TokenVerified{Reason: c.reason}}, events,
				"told once, with its reason")
			assert.LessOrEqual(t, len(clock.NowCalls()), 1, "the clock is read once for each token")
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
