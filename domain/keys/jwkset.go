package keys

import (
	"bytes"
	"crypto/ed25519"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/offload/sessiond/domain/strict"
)

// MaxSetBytes is the maximum size of a keyset's text.
const MaxSetBytes = 1 << 20

// MaxKeys is the maximum number of keys in a keyset: enough for many years of rotations without
// pruning, and few enough that a scan of all keys, at each scrape or for each key, costs nothing.
const MaxKeys = 256

// maxReported is the maximum number of faults in a message: a file of an entirely different kind
// has one everywhere.
const maxReported = 100

// lastYear is the last year that RFC 3339 can express.
const lastYear = 9999

// The members of a key in a set (RFC 7517 §4, RFC 7518 §6.4, RFC 8037 §2), and three of our own.
const (
	memberKeys        = "keys"
	memberType        = "kty"
	memberAlgorithm   = "alg"
	memberID          = "kid"
	memberSecret      = "k"
	memberCurve       = "crv"
	memberPublic      = "x"
	memberPrivate     = "d"
	memberUse         = "use"
	memberOperations  = "key_ops"
	memberSignFrom    = "sign_from"
	memberVerifyUntil = "verify_until"
	memberRevoked     = "revoked"
)

// The values that are read and written.
const (
	typeOctets   = "oct"
	typePair     = "OKP"
	curveEd25519 = "Ed25519" // also the algorithm's name in RFC 9864
	useSignature = "sig"
)

// SetFault is one fault in a keyset's text. It holds an id, the name of a member and a fixed
// sentence, never key material.
type SetFault struct {
	// Index is the key's index in the set, or -1 for the set as a whole.
	Index int
	// ID is the key's id, if it has a valid one.
	ID ID
	// Member is the faulty member, or empty for the key as a whole. An unknown member is not named:
	// its name may hold anything.
	Member  string
	Problem string
}

// String describes the fault.
func (f SetFault) String() string {
	where := "the set"
	if f.Index >= 0 {
		where = "key " + strconv.Itoa(f.Index+1)
	}
	if f.ID != "" {
		where += " (" + string(f.ID) + ")"
	}
	if f.Member != "" {
		where += ": " + f.Member
	}
	return where + ": " + f.Problem
}

// SetFaults lists everything that is wrong with a keyset's text. It is an error.
type SetFaults []SetFault

// Lines describes every fault, one per line; if there are more than a hundred, the first hundred
// and the number of the others.
func (f SetFaults) Lines() []string {
	told := f[:min(len(f), maxReported)]
	lines := make([]string, 0, len(told)+1)
	for _, fault := range told {
		lines = append(lines, fault.String())
	}
	if more := len(f) - len(told); more > 0 {
		lines = append(lines, strconv.Itoa(more)+" more")
	}
	return lines
}

// Error returns all lines in one.
func (f SetFaults) Error() string { return "keyset: " + strings.Join(f.Lines(), "; ") }

// ParseSet parses a JWK Set (RFC 7517 §5) with private parts. It fails with SetFaults, which lists
// all faults at once. It does not check whether the keys are strong, or whether any can sign.
func ParseSet(text string) (*Keyring, error) {
	all, items, faults := readSet(text)
	keyring, err := NewKeyring(all...)
	if ringFaults, is := err.(Faults); is && (items == 0 || len(all) > 0) { //nolint:errorlint // NewRing returns no other
		for _, fault := range ringFaults {
			faults = append(faults, SetFault{Index: -1, ID: fault.ID, Problem: fault.String()})
		}
	}
	if faults != nil {
		return nil, faults
	}
	return keyring, nil
}

// ReadableKeys returns the keys that can be read from a set that ParseSet rejects, so that their
// weaknesses can be reported at the same time. They must not take effect. It returns nil if there
// are none, or if they conflict.
func ReadableKeys(text string) *Keyring {
	all, _, _ := readSet(text)
	keyring, err := NewKeyring(all...)
	if err != nil {
		return nil
	}
	return keyring
}

// readSet returns the keys of a set that are valid by themselves, the number of keys in the set (-1
// if it cannot be determined), and everything that is wrong with the text.
func readSet(text string) (all []Key, items int, faults SetFaults) {
	if len(text) > MaxSetBytes {
		return nil, -1, SetFaults{{Index: -1,
			Problem: "is larger than " + strconv.Itoa(MaxSetBytes) + " bytes"}}
	}
	document, err := strict.Parse(text)
	if err != nil {
		return nil, -1, SetFaults{{Index: -1, Problem: "is not JSON"}}
	}
	// A name that is repeated at a deeper level is in a value that no member may have.
	for _, member := range document.Members() {
		switch {
		case member.Name != memberKeys:
			faults = append(faults, SetFault{Index: -1, Problem: "has a member that is not known"})
		case member.Repeated:
			faults = append(faults, SetFault{Index: -1, Member: memberKeys,
				Problem: "stands twice"})
		}
	}
	member, _ := document.Member(memberKeys)
	list, ok := member.Items()
	if !ok {
		return nil, -1, append(faults, SetFault{Index: -1, Member: memberKeys,
			Problem: "must be a list of keys"})
	}
	if len(list) > MaxKeys {
		return nil, -1, append(faults, SetFault{Index: -1, Member: memberKeys,
			Problem: "must be a list of at most " + strconv.Itoa(MaxKeys) + " keys"})
	}
	for i, item := range list {
		r := keyReader{index: i, item: item}
		key, whole := r.key()
		faults = append(faults, r.faults...)
		if whole {
			all = append(all, key)
		}
	}
	return all, len(list), faults
}

// keyReader reads one key from its object and collects everything that is wrong with it.
type keyReader struct {
	index  int
	item   strict.Value
	id     ID
	faults SetFaults
}

func (r *keyReader) fault(member, problem string) {
	r.faults = append(r.faults, SetFault{Index: r.index, ID: r.id, Member: member,
		Problem: problem})
}

// key reads the key. It is whole if it has an id and key material, whatever else is wrong with it:
// then it is compared with the others.
func (r *keyReader) key() (key Key, whole bool) {
	if r.item.Kind() != strict.Object {
		r.fault("", "must be an object")
		return Key{}, false
	}
	kid, _ := r.text(memberID)
	if id, ok := ParseID(kid); ok {
		r.id = id
	} else {
		r.fault(memberID, "must be 1 to 64 of A-Z a-z 0-9 . _ -")
	}
	plan := r.plan(true)
	r.usage()
	kty, _ := r.text(memberType)
	switch kty {
	case typeOctets:
		key, whole = r.symmetric(plan)
	case typePair:
		key, whole = r.pair(plan)
	default:
		r.only(memberSecret, memberCurve, memberPublic, memberPrivate)
		r.fault(memberType, "must be oct or OKP")
	}
	return key, whole && r.id != ""
}

// only reports members that a key of this type does not have, and repeated ones: a mistyped member
// must not be ignored silently.
func (r *keyReader) only(own ...string) {
	known := append([]string{
		memberType, memberAlgorithm, memberID, memberUse, memberOperations, memberSignFrom,
		memberVerifyUntil, memberRevoked,
	}, own...)
	for _, member := range r.item.Members() {
		switch {
		case !slices.Contains(known, member.Name):
			r.fault("", "has a member that is not known for its type")
		case member.Repeated:
			r.fault(member.Name, "stands twice")
		}
	}
}

func (r *keyReader) symmetric(plan Plan) (key Key, whole bool) {
	r.only(memberSecret)
	if algorithm, _ := r.text(memberAlgorithm); algorithm != string(HS256) {
		r.fault(memberAlgorithm, "must be HS256 for an oct key")
	}
	secret := r.bytes(memberSecret, 0)
	return NewHS256(r.id, secret, plan), secret != nil
}

func (r *keyReader) pair(plan Plan) (key Key, whole bool) {
	r.only(memberCurve, memberPublic, memberPrivate)
	if curve, _ := r.text(memberCurve); curve != curveEd25519 {
		r.fault(memberCurve, "must be Ed25519")
	}
	if algorithm, _ := r.text(memberAlgorithm); algorithm != string(EdDSA) &&
		algorithm != curveEd25519 {
		r.fault(memberAlgorithm, "must be EdDSA for an OKP key")
	}
	public, seed := r.bytes(memberPublic, ed25519.PublicKeySize), r.bytes(memberPrivate, SeedSize)
	if seed == nil {
		return Key{}, false
	}
	key = NewEdDSA(r.id, seed, plan)
	if public != nil && !bytes.Equal(key.Public(), public) {
		r.fault(memberPublic, "does not fit the private part")
	}
	return key, true
}

// plan reads our own members; signs reports whether the key must say when it starts to sign.
func (r *keyReader) plan(signs bool) Plan {
	plan := Plan{SignFrom: r.instant(memberSignFrom, signs),
		VerifyUntil: r.instant(memberVerifyUntil, false)}
	if !plan.VerifyUntil.IsZero() && !plan.VerifyUntil.After(plan.SignFrom) {
		r.fault(memberVerifyUntil, "must be later than sign_from")
	}
	if revoked, given := r.item.Member(memberRevoked); given {
		if revoked.Kind() != strict.Boolean {
			r.fault(memberRevoked, "must be true or false")
		}
		plan.Revoked = revoked.Raw() == "true"
	}
	return plan
}

// usage checks the members that say what a key is for: this service uses keys for signatures only.
func (r *keyReader) usage() {
	if use, given := r.item.Member(memberUse); given {
		if text, _ := use.Text(); text != useSignature {
			r.fault(memberUse, "must be sig")
		}
	}
	operations, given := r.item.Member(memberOperations)
	if !given {
		return
	}
	items, ok := operations.Items()
	for _, item := range items {
		text, _ := item.Text()
		ok = ok && (text == "sign" || text == "verify")
	}
	if !ok {
		r.fault(memberOperations, "must be a list of sign and verify")
	}
}

// text returns a member's text, or an empty one if it is not a string, which no member may be.
func (r *keyReader) text(name string) (text string, given bool) {
	member, given := r.item.Member(name)
	text, _ = member.Text()
	return text, given
}

// bytes returns a required member in strict base64url. size is its exact length; 0 allows any
// length but 0.
func (r *keyReader) bytes(name string, size int) []byte {
	text, _ := r.text(name)
	data, err := strict.DecodeBase64(text)
	switch {
	case err != nil || len(data) == 0:
		r.fault(name, "must be base64url without padding")
	case size > 0 && len(data) != size:
		r.fault(name, "must be "+strconv.Itoa(size)+" bytes")
	default:
		return data
	}
	return nil
}

// instant returns a member in RFC 3339 format.
func (r *keyReader) instant(name string, required bool) time.Time {
	text, given := r.text(name)
	if !given && !required {
		return time.Time{}
	}
	at, ok := parseInstant(text)
	if !ok {
		r.fault(name, "must be an instant in RFC 3339, as 2026-02-16T12:00:00Z")
		return time.Time{}
	}
	return at
}

// parseInstant parses RFC 3339 §5.6. The library accepts what that does not: an hour of one digit,
// a comma before the fraction, an offset of a day or of sixty minutes. A time outside the RFC's
// years in UTC could not be written again, and the zero time means never.
func parseInstant(text string) (time.Time, bool) {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || text[len("2026-02-16T12")] != ':' || strings.Contains(text, ",") {
		return time.Time{}, false
	}
	if zone := text[len(text)-len("+00:00"):]; zone[5] != 'Z' &&
		(zone[1:3] > "23" || zone[4:] > "59") {
		return time.Time{}, false
	}
	at = at.UTC()
	return at, at.After(time.Time{}) && at.Year() <= lastYear
}
