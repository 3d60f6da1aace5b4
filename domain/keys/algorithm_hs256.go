package keys

import (
	"crypto/sha256"
	"time"

	"github.com/offload/sessiond/domain/mac"
	"github.com/offload/sessiond/domain/strict"
)

// hs256 is HMAC-SHA256 (RFC 7518 §3.2). The material is the key's bytes, of any length, and all of
// it is private.
type hs256 struct{}

func (hs256) name() Algorithm    { return HS256 }
func (hs256) idPrefix() string   { return "hs" }
func (hs256) form() Form         { return FormCompact }
func (hs256) signatureSize() int { return sha256.Size }

func (hs256) canonical([]byte) bool       { return true }
func (hs256) prepare(m material) prepared { return hmacKey{mac.New([]byte(m))} }

// generate makes a key with as many random bytes as the MAC has (RFC 2104 §3). The key is their
// base64url, so that a backend that takes secrets as text can hold it.
func (hs256) generate(random func(int) []byte) material {
	return material(strict.EncodeBase64(random(sha256.Size)))
}

func (hs256) fromPrivate(private []byte) (material, bool) { return material(private), true }
func (hs256) fromPublic([]byte) (material, bool)          { return "", false }
func (hs256) private(m material) (material, bool)         { return m, true }
func (hs256) public(material) material                    { return "" }
func (hs256) secretChosen() bool                          { return true }

// signAfter is short: a symmetric key only has to reach the service's own replicas.
func (hs256) signAfter() time.Duration    { return 10 * time.Minute }
func (hs256) minSignAfter() time.Duration { return 0 }

// The JWK (RFC 7518 §6.4).
func (hs256) keyType() string             { return "oct" }
func (hs256) curve() string               { return "" }
func (hs256) aliases() []string           { return nil }
func (hs256) publicMembers() []byteMember { return nil }
func (hs256) privateMember() byteMember   { return byteMember{"k", 0} }

// hmacKey is a prepared key.
type hmacKey struct{ key mac.Key }

func (k hmacKey) appendSignature(to, message []byte) []byte { return k.key.Append(to, message) }

func (k hmacKey) verify(message, signature []byte) bool {
	return k.key.Verify(message, signature)
}
