// Package strict parses base64url and JSON that have exactly one reading.
//
// Two parsers that disagree about a text disagree about who is asking. So everything that a lenient
// parser would repair, skip or guess is rejected here: a repeated name, a lone surrogate, bytes
// that are not UTF-8, trailing bits, padding. Tokens, keysets and request bodies are all parsed by
// this package. It imports only the standard library.
package strict
