package keys

import (
	"crypto/ed25519"
	"strconv"

	"github.com/offload/sessiond/domain/strict"
)

// ParsePublic reads the keys that an issuer publishes (RFC 7517 §5), for whoever verifies elsewhere. They verify and never sign.
//
// It reads what others wrote, and so passes over what it does not know: members, and keys of other kinds (§5). Passed over, as if it were not there, is
// also every key that is not soundly the public part of an Ed25519 one by its kty, crv, alg, kid and x: a symmetric one above all, for what
// anybody can read is no secret; one that shows a private part; one that is for something else by its use or key_ops; one of whose members a
// name stands twice. Where a key carries sign_from, verify_until or revoked, they hold as in a keyset; one that is written wrong leaves the key out.
//
// It fails with SetFaults where the text is no set, and with Faults as NewRing does: FaultNoKeys where no key is left, FaultSameID, FaultSameMaterial.
func ParsePublic(text string) (*Keyring, error) {
	if len(text) > MaxSetBytes {
		return nil, SetFaults{{Index: -1, Problem: "is larger than " + strconv.Itoa(MaxSetBytes) +
			" bytes"}}
	}
	document, err := strict.Parse(text)
	if err != nil {
		return nil, SetFaults{{Index: -1, Problem: "is not JSON"}}
	}
	for _, member := range document.Members() {
		if member.Name == memberKeys && member.Repeated {
			return nil, SetFaults{{Index: -1, Member: memberKeys, Problem: "stands twice"}}
		}
	}
	member, _ := document.Member(memberKeys)
	list, ok := member.Items()
	if !ok || len(list) > MaxKeys {
		return nil, SetFaults{{Index: -1, Member: memberKeys,
			Problem: "must be a list of at most " + strconv.Itoa(MaxKeys) + " keys"}}
	}
	var all []Key
	for i, item := range list {
		r := keyReader{index: i, item: item}
		if key, sound := r.publicKey(); sound {
			all = append(all, key)
		}
	}
	return NewKeyring(all...)
}

// publicKey reads a key that has a public part and nothing else.
func (r *keyReader) publicKey() (key Key, sound bool) {
	for _, member := range r.item.Members() {
		if member.Repeated {
			return Key{}, false
		}
	}
	kty, _ := r.text(memberType)
	curve, _ := r.text(memberCurve)
	algorithm, _ := r.text(memberAlgorithm)
	_, private := r.item.Member(memberPrivate)
	if kty != typePair || curve != curveEd25519 || algorithm != string(EdDSA) &&
		algorithm != curveEd25519 || private {
		return Key{}, false
	}
	kid, _ := r.text(memberID)
	id, ok := ParseID(kid)
	plan := r.plan(false)
	r.usage()
	public := r.bytes(memberPublic, ed25519.PublicKeySize)
	if !ok || r.faults != nil {
		return Key{}, false
	}
	return NewVerifier(id, public, plan), true
}
