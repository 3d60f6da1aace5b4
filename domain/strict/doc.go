// Package strict reads base64url and JSON that admit one reading only.
//
// Two parsers that disagree about a text are two opinions about who is asking. So whatever a lenient parser would repair, pass
// over or guess is refused here: a name twice, a lone surrogate, bytes that are not UTF-8, trailing bits, padding. Tokens,
// keysets and request bodies all go through it. It imports the standard library alone.
package strict
