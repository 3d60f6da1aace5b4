package vectors

import (
	"embed"
	"encoding/hex"
	"encoding/json"
)

//go:embed wycheproof/*.json
var wycheproof embed.FS

// Bytes are written in hex.
type Bytes []byte

// UnmarshalJSON reads a string of hex digits.
func (b *Bytes) UnmarshalJSON(text []byte) error {
	var digits string
	if err := json.Unmarshal(text, &digits); err != nil {
		return err
	}
	var err error
	*b, err = hex.DecodeString(digits)
	return err
}

// WycheproofCase is what every case of Project Wycheproof has.
type WycheproofCase struct {
	// ID is the case's number, unique in its file.
	ID      int `json:"tcId"`
	Comment string
	// Flags name what the case is about.
	Flags []string
	// Result is valid or invalid.
	Result string
}

// Valid tells whether the case must be accepted.
func (c WycheproofCase) Valid() bool { return c.Result == "valid" }

// SignatureGroup is a public key with the signatures that it is asked about.
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

// Ed25519 reads the cases of ed25519_test.json.
func Ed25519() []SignatureGroup { return groupsOf[SignatureGroup]("ed25519") }

// MACGroup is the cases of one length of keys and tags.
type MACGroup struct {
	// KeyBits and TagBits are lengths; a shorter tag is the beginning of a whole one.
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

// HMACSHA256 reads the cases of hmac_sha256_test.json.
func HMACSHA256() []MACGroup { return groupsOf[MACGroup]("hmac_sha256") }

// JWSGroup is a key, as a JWK, with the texts that it is asked about. A symmetric key is a private one.
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

// JSONWebSignature reads the cases of json_web_signature_test.json.
func JSONWebSignature() []JWSGroup { return groupsOf[JWSGroup]("json_web_signature") }

// groupsOf reads a file of Project Wycheproof. It panics on one that is not, which is a defect of this package.
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
