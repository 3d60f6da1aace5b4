package proof_test

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/proof"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/throttle"
)

var digestKey = []byte("the digest key of a limiter, shared.")

// TestNonceIsAcceptedForFourSteps moves a clock over the steps: the one before (the clock of the
// replica that accepts is behind), its own, and two more.
func TestNonceIsAcceptedForFourSteps(t *testing.T) {
	giver, accepter := proof.NewNonces(digestKey), proof.NewNonces(digestKey)
	nonce := giver.At(noon)
	assert.Equal(t, nonce, giver.At(noon.Add(59*time.Second)), "the same for a step")
	assert.Regexp(t, regexp.MustCompile(`^[A-Za-z0-9_-]{22}$`), nonce, "RFC 9449 §8.1")
	for after, want := range map[time.Duration]bool{
		-61 * time.Second: false, -60 * time.Second: true, 0: true, 59 * time.Second: true,
		120 * time.Second: true, 179*time.Second + 999*time.Millisecond: true,
		180 * time.Second: false, 24 * time.Hour: false, -24 * time.Hour: false,
	} {
		assert.Equal(t, want, accepter.Accepts(nonce, noon.Add(after)), after)
	}
	seconds := 0
	for after := -time.Hour; after < time.Hour; after += time.Second {
		if accepter.Accepts(nonce, noon.Add(after)) {
			seconds++
		}
	}
	assert.Equal(t, 240, seconds)
	assert.Less(t, 240*time.Second, proof.Memory)
	assert.Equal(t, proof.Past+proof.Future+time.Second+59*time.Second, proof.Memory,
		"the clocks of replicas may differ by 29 s each way")
}

// TestNoncesOfSteps checks that no two steps have the same nonce.
func TestNoncesOfSteps(t *testing.T) {
	nonces, seen := proof.NewNonces(digestKey), map[string]bool{}
	for step := range 1000 {
		seen[nonces.At(noon.Add(time.Duration(step)*proof.NonceStep))] = true
	}
	assert.Len(t, seen, 1000)
}

func TestOtherTextsAreNotAcceptedAsNonces(t *testing.T) {
	nonces := proof.NewNonces(digestKey)
	nonce := nonces.At(noon)
	other := proof.NewNonces([]byte("another key"))
	subject := throttle.NewDigester(digestKey).Subject(throttle.ByAddress, "29520720")
	for _, wrong := range []string{"", nonce[1:], nonce + "A", nonce + "=", " " + nonce,
		other.At(noon), "0", encoded(string(subject[:]))} {
		assert.False(t, nonces.Accepts(wrong, noon), "%q", wrong)
	}
	var none proof.Nonces
	assert.Empty(t, none.At(noon))
	assert.False(t, none.Accepts("", noon))
	assert.False(t, none.Accepts(nonce, noon))
}

// TestNonceMakesUpForWrongClock checks that a proof by a device whose clock is wrong, by up to a
// day in both directions, is accepted with a recent nonce.
func TestNonceMakesUpForWrongClock(t *testing.T) {
	nonces := proof.NewNonces(digestKey)
	for iat, want := range map[string]proof.Reason{
		"1771156800": proof.ReasonStale, "1771329600": proof.ReasonFuture,
		"1771242899": proof.ReasonStale, "1771242900": "", "1771243260": "",
		"1771243260.999": "", "1771243261": proof.ReasonFuture,
	} {
		d := ec.valid().claiming("iat", iat)
		p := presented(d.text())
		p.Nonces = nonces
		assert.Equal(t, want, issued(t, p, ec.thumbprint()), iat)
		p.Now = noon.Add(999 * time.Millisecond)
		assert.Equal(t, want, issued(t, p, ec.thumbprint()), "the second counts as a whole")
		p.Proofs = []string{d.claiming("nonce", `"`+nonces.At(noon)+`"`).text()}
		assert.Empty(t, issued(t, p, ec.thumbprint()), iat)
		p.Now = noon.Add(3 * time.Minute)
		assert.Equal(t, proof.ReasonNonce, issued(t, p, ec.thumbprint()), "too late")
	}
	p := presented(ec.valid().claiming("nonce", `"`+nonces.At(noon)+`"`).text())
	assert.Equal(t, proof.ReasonNonce, issued(t, p, ec.thumbprint()), "no nonce is accepted here")
	p = presented(ec.valid().claiming("nonce", `"`+nonces.At(noon)+`"`).
		claiming("exp", "1771243200").text())
	p.Nonces = nonces
	assert.Equal(t, proof.ReasonStale, issued(t, p, ec.thumbprint()), "exp counts beside a nonce")
}

// TestProofIsAcceptedFor361Seconds measures the longest time for which one proof is accepted.
func TestProofIsAcceptedFor361Seconds(t *testing.T) {
	p := presented(okp.valid().text())
	accepted := 0
	for after := -10 * time.Minute; after < 10*time.Minute; after += time.Second {
		p.Now = noon.Add(after)
		_, _, err := p.Issue(installID(t, okp.thumbprint()), session.BindingRequire)
		if err == nil {
			accepted++
		}
	}
	require.Equal(t, 361, accepted)
}

func TestFormattingNoncesHidesTheirKey(t *testing.T) {
	nonces := proof.NewNonces(digestKey)
	assert.Equal(t, "nonces nonces", fmt.Sprintf("%v %#v", nonces, nonces))
}
