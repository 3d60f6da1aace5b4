package keys

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRows checks properties that the compiler cannot: that the rows differ in the fields that must
// be unique, and that the fields of a row that describe its keys are consistent.
func TestRows(t *testing.T) {
	UseThird(t)
	seen := map[string]bool{}
	for _, row := range table {
		for _, unique := range []string{"name " + string(row.name()), "type " + row.keyType(),
			"prefix " + row.idPrefix()} {
			assert.False(t, seen[unique], unique)
			seen[unique] = true
		}
		_, isID := ParseID(row.idPrefix())
		assert.True(t, isID, "%s: the prefix must be part of an id", row.name())
		assert.GreaterOrEqual(t, row.signAfter(), row.minSignAfter(), row.name())

		held := row.generate(func(size int) []byte { return bytes.Repeat([]byte{7}, size) })
		private, ok := row.private(held)
		require.True(t, ok, row.name())
		again, ok := row.fromPrivate([]byte(private))
		assert.True(t, ok, row.name())
		assert.Equal(t, held, again, row.name())
		if size := row.privateMember().size; size != 0 {
			assert.Len(t, private, size, row.name())
		}
		ready := row.prepare(held)
		signature := ready.appendSignature(nil, []byte("message"))
		assert.Len(t, signature, row.signatureSize(), row.name())
		assert.True(t, ready.verify([]byte("message"), signature), row.name())
		assert.True(t, row.canonical(signature), row.name())
		assert.False(t, ready.verify([]byte("messagf"), signature), row.name())
		assert.False(t, ready.verify([]byte("message"), append(signature, 0)), row.name())
		assert.False(t, ready.verify([]byte("message"), nil), row.name())

		public := row.public(held)
		assert.Equal(t, public != "", row.form() == FormJWS,
			"%s: other services verify JWS only", row.name())
		total := 0
		for _, member := range row.publicMembers() {
			assert.Positive(t, member.size, row.name())
			total += member.size
		}
		assert.Len(t, public, total, row.name())
		verifier, ok := row.fromPublic([]byte(public))
		assert.Equal(t, public != "", ok, row.name())
		if !ok {
			continue
		}
		assert.Equal(t, public, row.public(verifier), row.name())
		_, ok = row.private(verifier)
		assert.False(t, ok, row.name())
		assert.True(t, row.prepare(verifier).verify([]byte("message"), signature), row.name())
		assert.Panics(t, func() { row.prepare(verifier).appendSignature(nil, []byte("message")) }, row.name())
	}
}
