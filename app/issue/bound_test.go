package issue_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/app/issue"
	"github.com/offload/sessiond/domain/failure"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/proof"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/domain/token"
	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/test/harness/device"
)

const issueURI = "https://sessions.example.com/v1/sessions/anonymous"

var phoneKey, otherKey = device.New(1), device.New(2)

// binding returns a change that configures a binding.
func binding(to session.Binding) change {
	return func(_ *fixture, parts *issue.Parts) {
		parts.Settings.Binding, parts.Settings.BoundAudience = to, "audience:bound"
		parts.Nonces = proof.NewNonces([]byte("digest key"))
	}
}

// proved requests a session with a proof and an Authorization header, each unless it is empty.
func (f *fixture) proved(t *testing.T, id, proofText, authorization string) (ports.Issued, error) {
	t.Helper()
	credentials := ports.Credentials{Target: proof.NewTarget("POST", issueURI)}
	if proofText != "" {
		credentials.Proofs = []string{proofText}
	}
	if authorization != "" {
		credentials.Authorization = []string{authorization}
	}
	return f.Issue(t.Context(), ports.IssueRequest{Session: request(t, id), Client: phone,
		Credentials: credentials})
}

// fresh returns the claims of a new proof for a request to issue.
func (f *fixture) fresh() device.Claims { return device.For("POST", issueURI, f.now) }

// judgements returns the reasons of the ProofJudged events so far.
func (f *fixture) judgements() (reasons []proof.Reason) {
	for _, event := range f.events {
		if judged, ok := event.(ports.ProofJudged); ok {
			reasons = append(reasons, judged.Reason)
		}
	}
	return reasons
}

// TestWhichRequestsNeedAProof covers every binding with every kind of install id, with a proof of
// its key, with a proof of another key, and without a proof.
func TestWhichRequestsNeedAProof(t *testing.T) {
	const none = "none" // no proof was judged
	for _, c := range []struct {
		binding          session.Binding
		id               string
		with, other, not string // the judgement: with its proof, with another, with none
	}{
		{session.BindingOff, phoneKey.Thumbprint, none, none, none},
		{session.BindingOff, "install-12345", none, none, none},
		{session.BindingAccept, phoneKey.Thumbprint, "", "binding", "missing"},
		{session.BindingAccept, "install-12345", "binding", "binding", none},
		{session.BindingRequire, phoneKey.Thumbprint, "", "binding", "missing"},
		{session.BindingRequire, "install-12345", "binding", "binding", "missing"},
	} {
		for of, want := range map[string]string{"its key": c.with, "another": c.other, "none": c.not} {
			f := newFixture(t, binding(c.binding))
			text := map[string]string{"its key": phoneKey.Proof(f.fresh()),
				"another": otherKey.Proof(f.fresh())}[of]
			what := c.binding.String() + ", " + c.id + ", proof of " + of
			issued, err := f.proved(t, c.id, text, "")
			judged := f.judgements()
			if want == none || want == "" {
				require.NoError(t, err, what)
				assert.Equal(t, want == "", issued.Claims.Bound, what)
				assert.Equal(t, want == "", issued.Claims.Audience == "audience:bound", what)
				assert.Equal(t, want == "", len(judged) == 1 && judged[0] == "", what)
				continue
			}
			assert.Equal(t, []proof.Reason{proof.Reason(want)}, judged, what)
			assert.Equal(t, failure.InvalidProof, failure.KindOf(err), what)
		}
	}
}

func TestRecordsIDsThatLookLikeThumbprints(t *testing.T) {
	f := newFixture(t)
	issued, err := f.issue(t, phoneKey.Thumbprint)
	require.NoError(t, err)
	_, err = f.issue(t, phoneKey.Thumbprint, "Bearer "+issued.Token)
	require.NoError(t, err)
	assert.Equal(t, []ports.Event{ports.SessionIssued{ThumbprintID: true},
		ports.SessionIssued{Renewed: true}}, f.events)
	f = newFixture(t, binding(session.BindingAccept))
	_, err = f.proved(t, phoneKey.Thumbprint, phoneKey.Proof(f.fresh()), "")
	require.NoError(t, err)
	assert.Equal(t, []ports.Event{ports.ProofJudged{}, ports.SessionIssued{}}, f.events)
}

// TestRenewsBoundSessions presents the session of a device, and other tokens, with each scheme, and
// with and without the digest of the token in the proof.
func TestRenewsBoundSessions(t *testing.T) {
	f := newFixture(t, binding(session.BindingAccept))
	id := phoneKey.Thumbprint
	first, err := f.proved(t, id, phoneKey.Proof(f.fresh()), "")
	require.NoError(t, err)
	own, _ := session.ParseInstallID(id)
	signer, _ := f.keyring.SignerAt(f.now)
	bearer := token.Sign(settings.Claims(own, "kid", f.now), signer)
	foreign := token.Sign(session.Settings{BoundAudience: "audience:bound", Issuer: "other",
		Lifetime: time.Hour}.BoundClaims(own, "kid", f.now), signer)
	for name, c := range map[string]struct {
		authorization string
		ath           string
		renewed       bool
		reason        proof.Reason
	}{
		"with a proof for it":              {"DPoP " + first.Token, first.Token, true, ""},
		"without its digest":               {"DPoP " + first.Token, "", false, proof.ReasonNoToken},
		"with another digest":              {"DPoP " + first.Token, "x", false, proof.ReasonToken},
		"as a bearer token":                {"Bearer " + first.Token, first.Token, false, ""},
		"as a bearer token, no digest":     {"Bearer " + first.Token, "", false, ""},
		"a bearer session for the id":      {"Bearer " + bearer, "", false, ""},
		"a bearer session as bound":        {"DPoP " + bearer, bearer, false, ""},
		"of another issuer":                {"DPoP " + foreign, foreign, false, ""},
		"of another issuer, another token": {"DPoP " + foreign, "x", false, proof.ReasonToken},
		"no token":                         {"DPoP x", "x", false, ""},
		"two words":                        {"DPoP x y", "", false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, binding(session.BindingAccept))
			claims := f.fresh()
			if c.ath != "" {
				claims = claims.ForToken(c.ath)
			}
			issued, err := f.proved(t, id, phoneKey.Proof(claims), c.authorization)
			if c.reason != "" {
				assert.Equal(t, []ports.Event{ports.ProofJudged{Reason: c.reason}}, f.events)
				assert.Equal(t, failure.InvalidProof, failure.KindOf(err))
				return
			}
			require.NoError(t, err)
			assert.True(t, issued.Claims.Bound)
			assert.Equal(t, []ports.Event{ports.ProofJudged{},
				ports.SessionIssued{Renewed: c.renewed}}, f.events)
		})
	}
	f.advance(2*time.Minute + time.Hour)
	again := f.fresh().ForToken(first.Token)
	_, err = f.proved(t, id, phoneKey.Proof(again), "DPoP "+first.Token)
	require.NoError(t, err)
	assert.Contains(t, f.events, ports.SessionIssued{Renewed: true}, "at the end of the grace")
}

// TestProofIsJudgedFirst makes requests with an invalid or a used proof of which something else is
// wrong too: no grant is taken, and the error is about the proof.
func TestProofIsJudgedFirst(t *testing.T) {
	id := phoneKey.Thumbprint
	t.Run("before the key", func(t *testing.T) {
		f := newFixture(t, binding(session.BindingRequire), func(f *fixture, _ *issue.Parts) {
			f.keyring = newKeyring(t, keys.NewHS256("kid", []byte("secret"),
				keys.Plan{SignFrom: noon.Add(time.Hour)}))
		})
		_, err := f.proved(t, id, "", "")
		assert.Equal(t, failure.InvalidProof, failure.KindOf(err))
		claims := f.fresh()
		_, err = f.proved(t, id, phoneKey.Proof(claims), "")
		assert.Equal(t, failure.Unavailable, failure.KindOf(err))
		f.keyring = newKeyring(t, keys.NewHS256("kid", []byte("secret"), keys.Plan{}))
		_, err = f.proved(t, id, phoneKey.Proof(claims), "")
		assert.NoError(t, err, "without a key no proof is used")
	})
	t.Run("and takes nothing", func(t *testing.T) {
		f := newFixture(t, binding(session.BindingRequire))
		for range 3 * limits.PerInstall {
			_, err := f.proved(t, id, otherKey.Proof(f.fresh()), "")
			require.Equal(t, failure.InvalidProof, failure.KindOf(err))
		}
		issued, err := f.proved(t, id, phoneKey.Proof(f.fresh()), "")
		require.NoError(t, err)
		assert.Equal(t, limits.PerAddress-1, issued.Decision.At(0).Remaining)
	})
	t.Run("and outranks limits when it was used", func(t *testing.T) {
		f := newFixture(t, binding(session.BindingRequire))
		used := phoneKey.Proof(f.fresh())
		for n := range limits.PerInstall {
			text := phoneKey.Proof(f.fresh())
			if n == 0 {
				text = used
			}
			_, err := f.proved(t, id, text, "")
			require.NoError(t, err)
		}
		f.events = nil
		_, err := f.proved(t, id, used, "")
		assert.Equal(t, &proof.Rejection{Reason: proof.ReasonReplayed}, err)
		assert.Equal(t, []ports.Event{ports.ProofJudged{Reason: proof.ReasonReplayed}}, f.events,
			"it is no refusal by a limit")
		fresh := phoneKey.Proof(f.fresh())
		_, err = f.proved(t, id, fresh, "")
		assert.Equal(t, throttle.ByInstall, refusalOf(t, err).Dimension)
		f.advance(limits.Window)
		_, err = f.proved(t, id, fresh, "")
		assert.NoError(t, err, "a request that a limit refused used no proof")
	})
}

// TestReplaysAreRemembered presents one proof each second for as long as its time is accepted, and
// then with a nonce: it is accepted once.
func TestReplaysAreRemembered(t *testing.T) {
	f := newFixture(t, binding(session.BindingAccept))
	claims := f.fresh()
	claims.At += 60
	for range 361 {
		_, err := f.proved(t, phoneKey.Thumbprint, phoneKey.Proof(claims), "")
		if f.now.Equal(noon) {
			require.NoError(t, err)
		} else {
			require.Equal(t, &proof.Rejection{Reason: proof.ReasonReplayed}, err, "%s", f.now)
		}
		f.advance(time.Second)
	}
	_, err := f.proved(t, phoneKey.Thumbprint, phoneKey.Proof(claims), "")
	challenge, ok := errors.AsType[*proof.Challenge](err)
	require.True(t, ok)
	assert.Equal(t, proof.ReasonStale, challenge.Reason)
	assert.Equal(t, proof.NewNonces([]byte("digest key")).At(f.now), challenge.Nonce)
	_, err = f.proved(t, phoneKey.Thumbprint,
		phoneKey.Proof(claims.WithNonce(challenge.Nonce)), "")
	assert.Equal(t, &proof.Rejection{Reason: proof.ReasonReplayed}, err, "the id is remembered")
	fresh := f.fresh()
	fresh.At = 1
	_, err = f.proved(t, phoneKey.Thumbprint, phoneKey.Proof(fresh.WithNonce(challenge.Nonce)), "")
	assert.NoError(t, err)
}

// TestObserveRemembersProofs shows that in mode Observe a proof is used whatever the limits say,
// and that a used one is rejected although nothing else is.
func TestObserveRemembersProofs(t *testing.T) {
	f := newFixture(t, binding(session.BindingRequire), observe)
	var proofs []string
	for range 2 * limits.PerInstall {
		text := phoneKey.Proof(f.fresh())
		proofs = append(proofs, text)
		_, err := f.proved(t, phoneKey.Thumbprint, text, "")
		require.NoError(t, err)
	}
	for _, text := range proofs {
		_, err := f.proved(t, phoneKey.Thumbprint, text, "")
		assert.Equal(t, &proof.Rejection{Reason: proof.ReasonReplayed}, err)
	}
	f = newFixture(t, binding(session.BindingRequire), observe,
		withLimiter(broken(errors.New("storage unavailable"))))
	_, err := f.proved(t, phoneKey.Thumbprint, phoneKey.Proof(f.fresh()), "")
	assert.NoError(t, err, "an outage refuses nothing in this mode")
}

func TestBackdatesBoundSessions(t *testing.T) {
	f := newFixture(t, binding(session.BindingAccept), func(_ *fixture, parts *issue.Parts) {
		parts.Settings.Backdate = 5 * time.Second
	})
	issued, err := f.proved(t, phoneKey.Thumbprint, phoneKey.Proof(f.fresh()), "")
	require.NoError(t, err)
	assert.Equal(t, session.UnixOf(noon)-5, issued.Claims.IssuedAt)
	assert.True(t, issued.Claims.Bound)
}
