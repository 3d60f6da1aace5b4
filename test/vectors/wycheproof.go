package vectors

import (
	"embed"
	"encoding/hex"
	"encoding/json"
)

//go:embed wycheproof/*.json
var wycheproof embed.FS

// Bytes is encoded in hex.
type Bytes []byte

// UnmarshalJSON implements json.Unmarshaler for a string of hex digits.
func (b *Bytes) UnmarshalJSON(text []byte) error {
	var digits string
	if err := json.Unmarshal(text, &digits); err != nil {
		return err
	}
	var err error
	*b, err = hex.DecodeString(digits)
	return err
}

// WycheproofCase holds the members that every case of Project Wycheproof has.
type WycheproofCase struct {
	// ID is the case's number, unique in its file.
	ID      int `json:"tcId"`
	Comment string
	// Flags name the subject of the case.
	Flags []string
	// Result is valid or invalid.
	Result string
}

// Valid reports whether the case must be accepted.
func (c WycheproofCase) Valid() bool { return c.Result == "valid" }

// SignatureGroup is a public key with the signatures to verify.
type SignatureGroup struct {
	PublicKey struct {
		Bytes Bytes `json:"pk"`
	}
	Tests []SignatureCase
}

// SignatureCase is one signature.
type SignatureCase struct {
	WycheproofCase
	Message   Bytes `json:"msg"`
	Signature Bytes `json:"sig"`
}

// Ed25519 returns the cases of ed25519_test.json.
func Ed25519() []SignatureGroup { return groupsOf[SignatureGroup]("ed25519") }

// PointGroup is a public key, an uncompressed point (SEC 1, section 2.3.3), with the signatures to
// verify.
type PointGroup struct {
	PublicKey struct{ Uncompressed Bytes }
	Tests     []SignatureCase
}

// P256 returns the cases of ecdsa_secp256r1_sha256_p1363_test.json.
func P256() []PointGroup { return groupsOf[PointGroup]("ecdsa_secp256r1_sha256_p1363") }

// MACGroup holds the cases with one length of keys and tags.
type MACGroup struct {
	// KeyBits and TagBits are lengths. A shorter tag is a prefix of the full one.
	KeyBits int `json:"keySize"`
	TagBits int `json:"tagSize"`
	Tests   []MACCase
}

// MACCase is one tag.
type MACCase struct {
	WycheproofCase
	Key     Bytes
	Message Bytes `json:"msg"`
	Tag     Bytes
}

// HMACSHA256 returns the cases of hmac_sha256_test.json.
func HMACSHA256() []MACGroup { return groupsOf[MACGroup]("hmac_sha256") }

// JWSGroup is a key in JWK form with the texts to verify. A symmetric key is in Private.
type JWSGroup struct {
	Comment string
	Private json.RawMessage
	Public  json.RawMessage
	Tests   []JWSCase
}

// JWSCase is one JSON Web Signature.
type JWSCase struct {
	WycheproofCase
	JWS string
}

// JSONWebSignature returns the cases of json_web_signature_test.json.
func JSONWebSignature() []JWSGroup { return groupsOf[JWSGroup]("json_web_signature") }

// groupsOf returns the groups of a file of Project Wycheproof. It panics if the file is invalid,
// which is a defect of this package.
func groupsOf[Group any](name string) []Group {
	text, err := wycheproof.ReadFile("wycheproof/" + name + "_test.json")
	if err != nil {
		panic("vectors: " + err.Error())
	}
	var file struct{ TestGroups []Group }
	if err := json.Unmarshal(text, &file); err != nil {
		panic("vectors: " + err.Error())
	}
	return file.TestGroups
}
