package token_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/token"
)

func TestKeyOf(t *testing.T) {
	other := keys.NewEdDSA("other", bytes.Repeat([]byte{7}, keys.SeedSize), keys.Plan{})
	compact := draft{payload: valid(), key: kid}
	jws := draft{header: members{{"alg", `"EdDSA"`}, {"kid", `"other"`}, {"typ", `"JWT"`}},
		payload: valid().with("kid", `"other"`), key: other}
	changed := func(from draft, change func(*draft)) string {
		change(&from)
		return from.text()
	}
	for name, c := range map[string]struct {
		text      string
		id        keys.ID
		algorithm keys.Algorithm
		reason    token.Reason
	}{
		"compact": {text: compact.text(), id: "kid"},
		"JWS":     {text: jws.text(), id: "other", algorithm: keys.EdDSA},
		"forged": {text: changed(jws, func(d *draft) { d.forged = true }), id: "other",
			algorithm: keys.EdDSA},
		"claims that are no session's": {id: "kid",
			text: changed(compact, func(d *draft) { d.payload = members{{"kid", `"kid"`}} })},
		"no kid": {reason: token.ReasonUnknownKey,
			text: changed(compact, func(d *draft) { d.payload = valid().without("kid") })},
		"a kid that is not a string": {reason: token.ReasonUnknownKey,
			text: changed(compact, func(d *draft) { d.payload = valid().with("kid", "1") })},
		"a kid that no key has": {reason: token.ReasonUnknownKey,
			text: changed(compact, func(d *draft) { d.payload = valid().with("kid", `"a b"`) })},
		"another kid in the header": {reason: token.ReasonHeader,
			text: changed(jws, func(d *draft) { d.header = d.header.with("kid", `"kid"`) })},
		"alg none": {reason: token.ReasonHeader,
			text: changed(jws, func(d *draft) { d.header = d.header.with("alg", `"none"`) })},
		"a short signature": {reason: token.ReasonSignatureLength,
			text: changed(jws, func(d *draft) { d.cut = 1 })},
		"too long": {reason: token.ReasonTooLong, text: strings.Repeat("a", 4097)},
		"empty":    {reason: token.ReasonSegments},
	} {
		t.Run(name, func(t *testing.T) {
			id, algorithm, err := token.KeyOf(c.text)
			assert.Equal(t, c.id, id)
			assert.Equal(t, c.algorithm, algorithm)
			if c.reason == "" {
				require.NoError(t, err)
				return
			}
			rejection, ok := errors.AsType[*token.Rejection](err)
			require.True(t, ok)
			assert.Equal(t, c.reason, rejection.Reason)
		})
	}
}
