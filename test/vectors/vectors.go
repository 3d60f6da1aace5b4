// Package vectors holds the test vectors of the token contract, which every implementation that
// reads tokens is tested with, and those of Project Wycheproof.
//
// token_v2.json comes from the contract and is kept byte for byte; it is never written here. The
// top level of the file is the first group, and its member groups lists the others. A group is
// self-contained: a configuration, keys, the time now, and the expected outcome of each token. Keys
// are secrets by ID in the form of the environment (white space at both ends is removed), or a JWK
// Set in the form of a keyset file, with private parts. Both were made for tests.
//
// dpop.json comes from the contract of bound sessions in the same way: proofs (RFC 9449), replays,
// forwarded requests and install ids. Its three cases whose names begin with rfc9449 and that are
// valid are the RFC's own. All private keys in it are public.
//
// wycheproof holds test vectors of Project Wycheproof, also kept byte for byte. Its README.md names
// the source and the license.
//
// The package imports only the standard library, and only tests import it.
package vectors

import (
	_ "embed"
	"encoding/json"
	"time"
)

//go:embed token_v2.json
var token []byte

// Want is the expected outcome of a token.
type Want string

// The outcomes of a token. The two refusals are the error codes that the client gets.
const (
	Valid        Want = "valid"
	InvalidToken Want = "invalid_token"
	ExpiredToken Want = "expired_token"
)

// Case is one token.
type Case struct {
	Name  string // unique in the file, and stable
	Token string
	Want  Want
	// InstallID is the install ID that a valid token must yield, code point for code point.
	InstallID string `json:"install_id"`
	// Why explains the case. It is mostly empty.
	Why string
}

// Group is a configuration, keys and a clock, with the cases that apply to them.
type Group struct {
	// Name and About describe the group. The first group has neither.
	Name, About string
	// Now is the current time. Many cases are exact to this second.
	Now       UnixSeconds
	ClockSkew Seconds `json:"clock_skew_seconds"`
	Issuer    string
	Audience  string
	// Keys holds HS256 secrets by key ID if the group has no Keyset.
	Keys map[string]string
	// Keyset is a JWK Set in the form of a keyset file, or nil if the group has Keys.
	Keyset json.RawMessage
	// ActiveKid is the ID of the key that signs at Now.
	ActiveKid string `json:"active_kid"`
	Cases     []Case
}

// UnixSeconds is a time that is encoded as whole seconds since 1970.
type UnixSeconds struct{ time.Time }

// UnmarshalJSON implements json.Unmarshaler for an integer.
func (u *UnixSeconds) UnmarshalJSON(text []byte) error {
	var seconds int64
	if err := json.Unmarshal(text, &seconds); err != nil {
		return err
	}
	u.Time = time.Unix(seconds, 0).UTC()
	return nil
}

// Seconds is a duration that is encoded as whole seconds.
type Seconds struct{ time.Duration }

// UnmarshalJSON implements json.Unmarshaler for an integer.
func (s *Seconds) UnmarshalJSON(text []byte) error {
	var seconds int64
	if err := json.Unmarshal(text, &seconds); err != nil {
		return err
	}
	s.Duration = time.Duration(seconds) * time.Second
	return nil
}

// Groups returns all groups, starting with the first. It panics if the file is invalid, which is a
// defect of this package.
func Groups() []Group {
	var file struct {
		Group
		Groups []Group
	}
	if err := json.Unmarshal(token, &file); err != nil {
		panic("vectors: " + err.Error())
	}
	return append([]Group{file.Group}, file.Groups...)
}
