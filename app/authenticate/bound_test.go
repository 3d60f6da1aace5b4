package authenticate_test

import (
	"errors"
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
	"github.com/offload/sessiond/test/harness/device"
)

const uri = "https://api.example.com/orders"

// TestBoundSessionsNeedTheirProof presents sessions, bound and not, with each scheme and with
// proofs of several kinds, and checks the outcome and the events of each.
func TestBoundSessionsNeedTheirProof(t *testing.T) {
	keyring, err := keys.NewKeyring(keys.NewHS256("kid", []byte("secret"), keys.Plan{}))
	require.NoError(t, err)
	signer, _ := keyring.SignerAt(noon)
	accept := settings
	accept.Binding, accept.BoundAudience = session.BindingAccept, "audience:bound"
	own, other := device.New(1), device.New(2)
	parse := func(text string) session.InstallID {
		id, violated := session.ParseInstallID(text)
		require.Equal(t, session.RuleNone, violated)
		return id
	}
	claims := accept.BoundClaims(parse(own.Thumbprint), "kid", noon)
	bound := token.Sign(claims, signer)
	bearer := token.Sign(accept.Claims(parse("install-12345"), "kid", noon), signer)
	nonces := proof.NewNonces([]byte("a secret of the replicas"))
	prove := func(at time.Duration, text string) string {
		return own.Proof(device.For("GET", uri, noon.Add(at)).ForToken(text))
	}
	for name, c := range map[string]struct {
		authorization string
		proofs        []string
		at            time.Duration
		kind          failure.Kind // Internal for none
		events        []ports.Event
	}{
		"bound": {"DPoP " + bound, []string{prove(0, bound)}, 0, 0,
			[]ports.Event{ports.TokenVerified{}, ports.ProofJudged{}}},
		"the same proof again and later": {"dpop " + bound, []string{prove(0, bound)},
			59 * time.Second, 0, []ports.Event{ports.TokenVerified{}, ports.ProofJudged{}}},
		"bearer": {"Bearer " + bearer, nil, 0, 0, []ports.Event{ports.TokenVerified{}}},
		"bearer with a proof, which is ignored": {"Bearer " + bearer, []string{"x"}, 0, 0,
			[]ports.Event{ports.TokenVerified{}}},
		"bound as bearer": {"Bearer " + bound, []string{prove(0, bound)}, 0, failure.InvalidToken,
			[]ports.Event{ports.TokenVerified{Reason: token.ReasonBinding},
				ports.ProofJudged{Reason: proof.ReasonDowngrade}}},
		"bound as bearer, expired": {"Bearer " + bound, nil, time.Hour, failure.InvalidToken,
			[]ports.Event{ports.TokenVerified{Reason: token.ReasonBinding},
				ports.ProofJudged{Reason: proof.ReasonDowngrade}}},
		"expired": {"DPoP " + bound, nil, time.Minute, failure.ExpiredToken,
			[]ports.Event{ports.TokenVerified{Reason: token.ReasonExpired}}},
		"no proof": {"DPoP " + bound, nil, 0, failure.InvalidProof,
			[]ports.Event{ports.TokenVerified{}, ports.ProofJudged{Reason: proof.ReasonMissing}}},
		"proof of another key": {"DPoP " + bound,
			[]string{other.Proof(device.For("GET", uri, noon).ForToken(bound))}, 0,
			failure.InvalidToken, []ports.Event{ports.TokenVerified{},
				ports.ProofJudged{Reason: proof.ReasonBinding}}},
		"proof without the token": {"DPoP " + bound,
			[]string{own.Proof(device.For("GET", uri, noon))}, 0, failure.InvalidProof,
			[]ports.Event{ports.TokenVerified{}, ports.ProofJudged{Reason: proof.ReasonNoToken}}},
		"bearer session with the other scheme": {"DPoP " + bearer, []string{prove(0, bearer)}, 0,
			failure.InvalidToken, []ports.Event{ports.TokenVerified{},
				ports.ProofJudged{Reason: proof.ReasonUnbound}}},
		"clock a day behind": {"DPoP " + bound, []string{prove(-24*time.Hour, bound)}, 0,
			failure.ProofNonceRequired, []ports.Event{ports.TokenVerified{},
				ports.ProofJudged{Reason: proof.ReasonStale}}},
		"clock a day behind, with a nonce": {"DPoP " + bound, []string{own.Proof(
			device.For("GET", uri, noon.Add(-24*time.Hour)).ForToken(bound).WithNonce(
				nonces.At(noon)))}, 0, 0,
			[]ports.Event{ports.TokenVerified{}, ports.ProofJudged{}}},
	} {
		t.Run(name, func(t *testing.T) {
			events := &portsfake.Events{}
			service := authenticate.New(portsfake.NewKeys(keyring),
				portsfake.NewClock(noon.Add(c.at)), events, accept, nonces)
			got, err := service.Authenticate(t.Context(), ports.Credentials{
				Authorization: []string{c.authorization}, Proofs: c.proofs,
				Target: proof.NewTarget("GET", uri)})
			assert.Equal(t, c.events, events.Recorded())
			if c.kind == failure.Internal {
				require.NoError(t, err)
				assert.NotEmpty(t, got.KeyID)
				return
			}
			assert.Equal(t, c.kind, failure.KindOf(err))
			assert.Equal(t, session.Claims{}, got)
			challenge, challenged := errors.AsType[*proof.Challenge](err)
			assert.Equal(t, c.kind == failure.ProofNonceRequired, challenged)
			if challenged {
				assert.Equal(t, nonces.At(noon), challenge.Nonce)
			}
		})
	}
}
