package keys

import (
	"slices"
	"strconv"
	"time"

	"github.com/offload/sessiond/domain/strict"
)

// MaxSetBytes is the maximum size of a keyset's text, in bytes.
const MaxSetBytes = 1 << 20

// MaxKeys is the maximum number of keys in a keyset: enough for many years of rotations without a
// prune, and few enough that a scan of all keys, at each scrape or for each key, takes no
// noticeable time.
const MaxKeys = 256

// The members of every key in a set (RFC 7517 §4), crv, and three members of this service:
// sign_from, verify_until and revoked. The members of its material are those of its algorithm.
const (
	memberKeys        = "keys"
	memberType        = "kty"
	memberAlgorithm   = "alg"
	memberID          = "kid"
	memberCurve       = "crv"
	memberUse         = "use"
	memberOperations  = "key_ops"
	memberSignFrom    = "sign_from"
	memberVerifyUntil = "verify_until"
	memberRevoked     = "revoked"
)

// useSignature is the use that is read and written.
const useSignature = "sig"

// Placed is a key with its position in a set. A key of a set with faults may lack an id.
type Placed struct {
	Key
	Index int // from 0; -1 if the key is in no set
}

// ParseSet reads a JWK Set (RFC 7517 §5) with private parts. It fails with SetFaults, which lists
// every fault. It checks neither whether the keys are strong nor whether any of them can sign.
func ParseSet(text string) (*Keyring, error) {
	keyring, _, err := ReadSet(text)
	return keyring, err
}

// ReadSet does what ParseSet does and also returns the keys with their positions. If it fails,
// placed holds the keys that have material, so that weak keys can be reported together with the
// other faults; they must not be put in force.
func ReadSet(text string) (keyring *Keyring, placed []Placed, err error) {
	placed, items, faults := readSet(text)
	var all []Key
	for _, key := range placed {
		if key.id != "" {
			all = append(all, key.Key)
		}
	}
	keyring, err = NewKeyring(all...)
	// If every item of the set has a fault, that there is no key is not worth another.
	//nolint:errorlint // NewKeyring returns no other type
	if clashes, is := err.(Faults); is && (items == 0 || len(all) > 0) {
		for _, fault := range clashes {
			faults = append(faults, SetFault{Index: -1, ID: fault.ID, Problem: fault.String()})
		}
	}
	if faults != nil {
		return nil, placed, faults
	}
	return keyring, placed, nil
}

// readSet returns the keys of a set that have material, the number of items in the set (-1 if that
// cannot be determined), and everything that is wrong with the text.
func readSet(text string) (all []Placed, items int, faults SetFaults) {
	if faults := tooLarge(text); faults != nil {
		return nil, -1, faults
	}
	text, faults = withoutMark(text)
	document, err := strict.Parse(text)
	if err != nil {
		return nil, -1, append(faults, notJSON(text))
	}
	_, isKey := document.Member(memberType)
	if _, isSet := document.Member(memberKeys); isKey && !isSet {
		return nil, -1, append(faults, SetFault{Index: -1,
			Problem: `is a single key: put it into a set, as {"keys": [KEY]}`})
	}
	// Repeated names deeper than the members of a key need no check: they are inside a value that
	// no member may have.
	for _, member := range document.Members() {
		switch {
		case member.Name != memberKeys:
			problem, _ := unknownMember(member.Name, memberKeys)
			faults = append(faults, SetFault{Index: -1, Problem: problem})
		case member.Repeated:
			faults = append(faults, SetFault{Index: -1, Member: memberKeys,
				Problem: "appears twice"})
		}
	}
	list, listFaults := keyList(document.Value)
	if listFaults != nil {
		return nil, -1, append(faults, listFaults...)
	}
	for i, item := range list {
		r := keyReader{index: i, item: item}
		key, complete := r.key()
		faults = append(faults, r.faults...)
		if complete {
			all = append(all, Placed{Key: key, Index: i})
		}
	}
	return all, len(list), faults
}

// tooLarge returns the fault of a text of more than MaxSetBytes; nil if it is not too large.
func tooLarge(text string) SetFaults {
	if len(text) <= MaxSetBytes {
		return nil
	}
	return SetFaults{{Index: -1, Problem: "is larger than " + strconv.Itoa(MaxSetBytes) + " bytes"}}
}

// keyList returns the items of a set. It fails if there is no list of at most MaxKeys items.
func keyList(set strict.Value) (list []strict.Value, faults SetFaults) {
	member, _ := set.Member(memberKeys)
	list, ok := member.Items()
	if !ok {
		return nil, SetFaults{{Index: -1, Member: memberKeys, Problem: "must be a list of keys"}}
	}
	if len(list) > MaxKeys {
		return nil, SetFaults{{Index: -1, Member: memberKeys,
			Problem: "must be a list of at most " + strconv.Itoa(MaxKeys) + " keys"}}
	}
	return list, nil
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

// key reads the key. It is complete if it has material, whatever else is wrong with it: then it is
// judged, and compared with the other keys if it has an id.
func (r *keyReader) key() (key Key, complete bool) {
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
	row, known := rowOfType(kty)
	if !known {
		r.rejectUnknown(false, table...)
		r.fault(memberType, "must be "+Either(keyTypes()))
		return Key{}, false
	}
	return r.privateKey(row, plan)
}

// rowOfType returns the algorithm whose keys have that type; known is false if none has.
func rowOfType(kty string) (row algorithm, known bool) {
	for _, row := range table {
		if row.keyType() == kty {
			return row, true
		}
	}
	return nil, false
}

// keyTypes returns the type of each algorithm's keys.
func keyTypes() []string {
	types := make([]string, 0, len(table))
	for _, row := range table {
		types = append(types, row.keyType())
	}
	return types
}

// rejectUnknown reports members that no key of these algorithms has, and members that appear twice:
// a mistyped member must not be ignored silently. If the type of the key is not known, neither are
// its members: then only those that look mistyped are reported.
func (r *keyReader) rejectUnknown(typeKnown bool, rows ...algorithm) {
	known := []string{
		memberType, memberAlgorithm, memberID, memberSignFrom, memberVerifyUntil, memberRevoked,
		memberUse, memberOperations,
	}
	for _, row := range rows {
		if row.curve() != "" && !slices.Contains(known, memberCurve) {
			known = append(known, memberCurve)
		}
		for _, member := range append(row.publicMembers(), row.privateMember()) {
			if !slices.Contains(known, member.name) {
				known = append(known, member.name)
			}
		}
	}
	for _, member := range r.item.Members() {
		switch {
		case !slices.Contains(known, member.Name):
			if problem, mistyped := unknownMember(member.Name, known...); typeKnown || mistyped {
				r.fault("", problem)
			}
		case member.Repeated:
			r.fault(member.Name, "appears twice")
		}
	}
}

// privateKey reads the members of a key with a private part.
func (r *keyReader) privateKey(row algorithm, plan Plan) (key Key, complete bool) {
	r.rejectUnknown(true, row)
	if !r.hasCurve(row) {
		r.fault(memberCurve, "must be "+row.curve())
	}
	if !r.hasAlgorithm(row) {
		r.fault(memberAlgorithm,
			"must be "+string(row.name())+" for an "+row.keyType()+" key")
	}
	public := map[string][]byte{}
	for _, member := range row.publicMembers() {
		public[member.name] = r.bytes(member)
	}
	if _, given := r.text(row.privateMember().name); !given && len(public) > 0 {
		r.fault(row.privateMember().name, "is missing: a keyset holds private keys, and is not the "+
			"set that is published")
		return Key{}, false
	}
	private := r.bytes(row.privateMember())
	if private == nil {
		return Key{}, false
	}
	held, ok := row.fromPrivate(private)
	if !ok {
		r.fault(row.privateMember().name, "is not a private key")
		return Key{}, false
	}
	for member, want := range publicValues(row, row.public(held)) {
		if got := public[member.name]; got != nil && string(got) != string(want) {
			r.fault(member.name, "does not fit the private part")
		}
	}
	return newKey(row, r.id, held, plan), true
}

// hasCurve reports whether crv is that of the algorithm, if its keys have one.
func (r *keyReader) hasCurve(row algorithm) bool {
	curve, _ := r.text(memberCurve)
	return row.curve() == "" || row.curve() == curve
}

// hasAlgorithm reports whether alg is a name of the algorithm.
func (r *keyReader) hasAlgorithm(row algorithm) bool {
	name, _ := r.text(memberAlgorithm)
	return name == string(row.name()) || slices.Contains(row.aliases(), name)
}

// plan reads the members of this service; signs states whether sign_from is required.
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

// usage checks the members that state what a key is for: this service uses keys for signatures
// only.
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

// text returns the text of a member; "" if it is not a string. No member may be empty, so callers
// refuse both alike.
func (r *keyReader) text(name string) (text string, given bool) {
	member, given := r.item.Member(name)
	text, _ = member.Text()
	return text, given
}

// bytes returns the bytes of a required member in strict base64url; nil, and a fault, if it is not
// valid.
func (r *keyReader) bytes(member byteMember) []byte {
	name, size := member.name, member.size
	text, given := r.text(name)
	data, err := strict.DecodeBase64(text)
	switch {
	case !given:
		r.fault(name, "is missing")
	case err != nil || len(data) == 0:
		r.fault(name, "must be base64url without padding")
	case size > 0 && len(data) != size:
		r.fault(name, "must be "+strconv.Itoa(size)+" bytes")
	default:
		return data
	}
	return nil
}

// instant returns the instant of a member in RFC 3339; the zero time if the member is not given or,
// with a fault, not valid.
func (r *keyReader) instant(name string, required bool) time.Time {
	text, given := r.text(name)
	if !given && !required {
		return time.Time{}
	}
	at, ok := parseInstant(text)
	if !ok {
		problem := "must be an instant in RFC 3339, as 2026-02-16T12:00:00Z"
		if !given {
			problem = "is missing: it " + problem
		}
		r.fault(name, problem)
		return time.Time{}
	}
	return at
}
