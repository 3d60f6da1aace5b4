package token

import "github.com/offload/sessiond/domain/keys"

// KeyOf returns the ID of the key that text names, and the algorithm if text is a JWS; the compact
// form names none. It verifies nothing, so anyone may have written text: use it to find out whether
// a key that is not known yet is worth looking for. It fails with a Rejection if text does not pass
// checks 1 to 6, or names an ID that no key can have.
func KeyOf(text string) (id keys.ID, algorithm keys.Algorithm, err error) {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	var p parts
	if err := p.split(text, s); err != nil {
		return "", "", err
	}
	kid, _ := p.claims[claimKeyID].Text()
	id, ok := keys.ParseID(kid)
	if !ok {
		return "", "", reject(ReasonUnknownKey)
	}
	return id, p.algorithm, nil
}
