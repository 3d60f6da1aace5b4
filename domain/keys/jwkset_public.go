package keys

import "github.com/offload/sessiond/domain/strict"

// ParsePublic reads the keys that an issuer publishes (RFC 7517 §5), for verifiers in other
// services. The keys verify and never sign.
//
// The text comes from another party, so ParsePublic ignores unknown members, and keys of unknown
// types (§5). It also ignores every key that is not, by its kty, crv, alg, kid and public members,
// a valid public key of an algorithm: above all a symmetric key, because what anyone can read is no
// secret; a point of small order, under which anyone can sign; a key with a private part; a key
// whose use or key_ops name another purpose; a key in which a member appears twice. If a key has
// sign_from, verify_until or revoked, they apply as in a keyset; if one of them is malformed, the
// key is ignored.
//
// It fails with SetFaults if the text is not a set, and with Faults as NewKeyring does: FaultNoKeys
// if no key remains, FaultSameID, FaultSameMaterial.
func ParsePublic(text string) (*Keyring, error) {
	if faults := tooLarge(text); faults != nil {
		return nil, faults
	}
	document, err := strict.Parse(text)
	if err != nil {
		return nil, SetFaults{notJSON(text)}
	}
	for _, member := range document.Members() {
		if member.Name == memberKeys && member.Repeated {
			return nil, SetFaults{{Index: -1, Member: memberKeys, Problem: "appears twice"}}
		}
	}
	list, faults := keyList(document.Value)
	if faults != nil {
		return nil, faults
	}
	var all []Key
	for i, item := range list {
		r := keyReader{index: i, item: item}
		if key, valid := r.publicKey(); valid {
			all = append(all, key)
		}
	}
	return NewKeyring(all...)
}

// publicKey reads a key of a published set; valid is false if ParsePublic ignores it.
func (r *keyReader) publicKey() (key Key, valid bool) {
	for _, member := range r.item.Members() {
		if member.Repeated {
			return Key{}, false
		}
	}
	kty, _ := r.text(memberType)
	row, known := rowOfType(kty)
	if !known || !r.hasCurve(row) || !r.hasAlgorithm(row) {
		return Key{}, false
	}
	if _, private := r.item.Member(row.privateMember().name); private {
		return Key{}, false
	}
	kid, _ := r.text(memberID)
	id, hasID := ParseID(kid)
	plan := r.plan(false)
	r.usage()
	var public []byte
	for _, member := range row.publicMembers() {
		public = append(public, r.bytes(member)...)
	}
	held, isPublic := row.fromPublic(public)
	if !hasID || !isPublic || r.faults != nil {
		return Key{}, false
	}
	return newKey(row, id, held, plan), true
}
