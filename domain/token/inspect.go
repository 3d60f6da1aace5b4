package token

import (
	"errors"
	"strings"
	"time"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/strict"
)

// Verdict is the outcome of one check.
type Verdict uint8

// The verdicts.
const (
	// NotMade means that an earlier check left nothing to judge, or that there are no keys.
	NotMade Verdict = iota
	Passed
	Failed
)

// The numbers of the checks that Inspect refers to, from 1.
const (
	checkLength = 1 + iota
	checkSegments
	checkEncoding
	checkSignatureLength
	checkJSON
	checkHeader
	checkKey
	checkSignature
	checkClaimValues
	checkNames
	checkInstants
	checkExpiry
)

// Check is one of the twelve checks, with what it requires and its outcome.
type Check struct {
	Number   int
	Requires string
	Verdict  Verdict
	// Reason is why it failed; otherwise empty.
	Reason Reason
}

// requirements are what the checks require, for people.
var requirements = [checkExpiry]string{
	"at most 4096 bytes",
	"two segments, or three of a JWS, none empty",
	"strict base64url",
	"a signature of the exact length",
	"one JSON object, no name twice",
	"a JWS header with alg and kid alone",
	"a key that may verify now, of the same algorithm",
	"the signature matches",
	"all eight claims, of the right type and within bounds",
	"version, issuer and audience as configured",
	"iat <= nbf < exp, and nbf not in the future",
	"exp later than now",
}

// checkOf returns the number of the check that fails for a reason; 0 for one about the header of a
// request.
func checkOf(reason Reason) int {
	switch reason {
	case ReasonMissing, ReasonCredentials:
		return 0
	case ReasonTooLong:
		return checkLength
	case ReasonSegments:
		return checkSegments
	case ReasonEncoding:
		return checkEncoding
	case ReasonSignatureLength:
		return checkSignatureLength
	case ReasonJSON:
		return checkJSON
	case ReasonHeader:
		return checkHeader
	case ReasonUnknownKey, ReasonAlgorithm:
		return checkKey
	case ReasonSignature:
		return checkSignature
	case ReasonClaimMissing, ReasonClaimType, ReasonClaimBounds:
		return checkClaimValues
	case ReasonVersion, ReasonBinding, ReasonIssuer, ReasonAudience:
		return checkNames
	case ReasonInstants, ReasonNotYetValid:
		return checkInstants
	case ReasonExpired:
		return checkExpiry
	}
	return 0
}

// Member is a name and a value of the payload, as they are written.
type Member struct{ Name, Value string }

// Inspection is what there is to know of a token, for people. It holds nothing of the signature.
type Inspection struct {
	// Length is that of the token in bytes.
	Length int
	// Payload holds the members of the payload, whether its signature is good or not; none if it
	// cannot be read.
	Payload []Member
	// Algorithm is that of a JWS header; empty for the compact form.
	Algorithm keys.Algorithm
	// Bound is true if the claims are those of a session that is bound to a device key.
	Bound  bool
	Checks [checkExpiry]Check
}

// Accepted reports whether all checks passed.
func (i *Inspection) Accepted() bool {
	for _, check := range i.Checks {
		if check.Verdict != Passed {
			return false
		}
	}
	return true
}

// Reason returns why the token is rejected: the reason of the first check that failed, as Verify
// returns it; empty if none did.
func (i *Inspection) Reason() Reason {
	for _, check := range i.Checks {
		if check.Verdict == Failed {
			return check.Reason
		}
	}
	return ""
}

// pass notes checks that passed.
func (i *Inspection) pass(numbers ...int) {
	for _, number := range numbers {
		i.Checks[number-1].Verdict = Passed
	}
}

// fail notes the check that fails with err.
func (i *Inspection) fail(err error) {
	rejection, ok := errors.AsType[*Rejection](err)
	if !ok {
		panic("token: not a rejection") // impossible: nothing else fails
	}
	check := &i.Checks[checkOf(rejection.Reason)-1]
	if check.Verdict != Failed {
		check.Verdict, check.Reason = Failed, rejection.Reason
	}
}

// Inspect makes every check on text that can be made, also after one that failed. Without a keyring
// it leaves out those that need keys. The work is bounded by MaxLength.
func Inspect(text string, keyring *keys.Keyring, settings session.Settings,
	now time.Time) Inspection {
	found := Inspection{Length: len(text)}
	for i := range found.Checks {
		found.Checks[i] = Check{Number: i + 1, Requires: requirements[i]}
	}
	var p parts
	if err := p.split(text, &scratch{}); err != nil {
		found.fail(err)
		for i := 0; found.Checks[i].Verdict != Failed; i++ {
			found.Checks[i].Verdict = Passed
		}
		if len(text) <= MaxLength {
			found.Payload = payloadOf(text)
		}
		return found
	}
	found.Payload, found.Algorithm = payloadOf(text), p.algorithm
	found.pass(checkLength, checkSegments, checkEncoding, checkSignatureLength, checkJSON,
		checkHeader)
	if keyring != nil {
		p.inspectKey(&found, keyring, now)
	}
	claims, err := readClaims(&p.claims)
	if rejection, ok := errors.AsType[*Rejection](err); ok {
		found.fail(err)
		if rejection.Reason == ReasonVersion {
			found.pass(checkClaimValues)
		}
		return found
	}
	found.Bound = claims.Bound
	found.pass(checkClaimValues, checkNames, checkInstants, checkExpiry)
	for _, err := range []error{p.checkClaimNames(claims, settings),
		checkClaimInstants(claims, settings, now)} {
		if err != nil {
			found.fail(err)
		}
	}
	if claims.Expired(now) {
		found.fail(reject(ReasonExpired))
	}
	return found
}

// inspectKey makes checks 7 and 8.
func (p *parts) inspectKey(found *Inspection, keyring *keys.Keyring, now time.Time) {
	kid, _ := p.claims[claimKeyID].Text()
	key, known := keyring.VerifierAt(keys.ID(kid), now)
	switch {
	case !known:
		found.fail(reject(ReasonUnknownKey))
		return
	case !p.isFor(key):
		found.fail(reject(ReasonAlgorithm))
		return
	}
	found.pass(checkKey, checkSignature)
	if !key.Verify([]byte(p.signed), p.signature) {
		found.fail(reject(ReasonSignature))
	}
}

// payloadOf returns the members of the payload of text, as far as it can be read.
func payloadOf(text string) []Member {
	segments := strings.Split(text, ".")
	at := 0
	if len(segments) == 3 {
		at = 1
	}
	plain, err := strict.DecodeBase64(segments[at])
	if err != nil {
		return nil
	}
	document, err := strict.Parse(string(plain))
	if err != nil || document.Kind() != strict.Object {
		return nil
	}
	var members []Member
	for _, member := range document.Members() {
		members = append(members, Member{Name: member.Name, Value: member.Value.Raw()})
	}
	return members
}
