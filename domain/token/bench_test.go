package token_test

import (
	"testing"

	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/token"
)

func BenchmarkSign(b *testing.B) {
	claims := terms.Claims(installID(b, "6F9619FF-8B86-D011-B42D-00CF4FC964FF"), kid.ID(), noon)
	b.ReportAllocs()
	for b.Loop() {
		_ = token.Sign(claims, kid)
	}
}

func BenchmarkVerify(b *testing.B) {
	claims := terms.Claims(installID(b, "6F9619FF-8B86-D011-B42D-00CF4FC964FF"), kid.ID(), noon)
	sound := token.Sign(claims, kid)
	claims.ExpiresAt = session.UnixOf(noon)
	claims.IssuedAt, claims.NotBefore = claims.ExpiresAt-1, claims.ExpiresAt-1
	for name, text := range map[string]string{
		"sound":           sound,
		"expired":         token.Sign(claims, kid),
		"wrong signature": sound[:len(sound)-43] + flip(sound[len(sound)-43:]),
		"segments":        sound + ".x",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = token.Verify(text, ring, terms, noon)
			}
		})
	}
}
