// Package strict decodes base64url and JSON in a way that allows one reading only.
//
// Two parsers that disagree about a text can disagree about who sent it. Everything that a lenient
// parser would repair, ignore or guess is therefore refused: a repeated name, a lone surrogate,
// invalid UTF-8, nonzero trailing bits, padding. Tokens, keysets and request bodies are all decoded
// by this package. It imports the standard library only.
package strict
