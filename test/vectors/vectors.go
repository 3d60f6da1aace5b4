// Package vectors holds the cases of the token contract, in one copy that every reader of tokens is tested with, and those of Project
// Wycheproof.
//
// token_v2.json comes from the contract and is kept byte for byte; it is never written here. The file's top level is the first
// group, and its member groups lists the others. A group stands for itself: a configuration, keys, the instant now, and for each
// token what must come out. Keys are secrets by id, as the environment gives them (white space at their ends is not part of them), or
// a JWK Set as a keyset file has it, private parts included; both were made for tests.
//
// wycheproof holds cases of Project Wycheproof, kept byte for byte too; where they come from and under which license is told there.
//
// The package imports the standard library alone, and only tests import it.
package vectors

import (
	_ "embed"
	"encoding/json"
	"time"
)

//go:embed token_v2.json
var token []byte

// Want is what must become of a token.
type Want string

// What can become of a token. The two refusals are the codes that a caller is told.
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
	// InstallID must come out of a valid token, code point for code point.
	InstallID string `json:"install_id"`
	// Why is a remark on what the case is about; mostly empty.
	Why string
}

// Group is a configuration, keys and a clock, with the cases that hold under them.
type Group struct {
	// Name and About tell what the group is; the first group has neither.
	Name, About string
	// Now is the clock. Many cases lie on that exact second.
	Now       UnixSeconds
	ClockSkew Seconds `json:"clock_skew_seconds"`
	Issuer    string
	Audience  string
	// Keys are HS256 secrets by key id, where the group has no Keyset.
	Keys map[string]string
	// Keyset is a JWK Set, as a keyset file has it; nil where the group has Keys.
	Keyset json.RawMessage
	// ActiveKid is the id of the key that signs at Now.
	ActiveKid string `json:"active_kid"`
	Cases     []Case
}

// UnixSeconds is an instant that is written as whole seconds since 1970.
type UnixSeconds struct{ time.Time }

// UnmarshalJSON reads an integer.
func (u *UnixSeconds) UnmarshalJSON(text []byte) error {
	var seconds int64
	if err := json.Unmarshal(text, &seconds); err != nil {
		return err
	}
	u.Time = time.Unix(seconds, 0).UTC()
	return nil
}

// Seconds is a duration that is written as whole seconds.
type Seconds struct{ time.Duration }

// UnmarshalJSON reads an integer.
func (s *Seconds) UnmarshalJSON(text []byte) error {
	var seconds int64
	if err := json.Unmarshal(text, &seconds); err != nil {
		return err
	}
	s.Duration = time.Duration(seconds) * time.Second
	return nil
}

// Groups reads all groups, the first one first. It panics on a file that is not the contract's, which is a defect of this package.
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
