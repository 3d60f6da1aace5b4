package secret

import "strings"

// A foreignForm is the form of texts that a tool makes and that are not secrets.
type foreignForm struct {
	prefix string
	// ending is what the text ends with.
	ending string
	// alphabet has the other characters; empty for all.
	alphabet string
	// dots is the number of dots; 0 for any.
	dots int
}

// cryptText has the characters of a password that was hashed.
const cryptText = base62 + "./+=,$-"

// foreignForms are the forms of texts that operators mistake for the secret: text that sops, Vault
// or Ansible encrypted and that was never decrypted, which is also in a repository; password
// hashes; and tokens, which their holders know.
var foreignForms = [...]foreignForm{
	{prefix: "ENC[", ending: "]"},
	{prefix: "vault:v", alphabet: base62 + "+/=:"},
	{prefix: "$ANSIBLE_VAULT;"},
	{prefix: "$2a$", alphabet: cryptText},
	{prefix: "$2b$", alphabet: cryptText},
	{prefix: "$2y$", alphabet: cryptText},
	{prefix: "$1$", alphabet: cryptText},
	{prefix: "$5$", alphabet: cryptText},
	{prefix: "$6$", alphabet: cryptText},
	{prefix: "$y$", alphabet: cryptText},
	{prefix: "$apr1$", alphabet: cryptText},
	{prefix: "$argon2", alphabet: cryptText},
	{prefix: "$scrypt$", alphabet: cryptText},
	{prefix: "$pbkdf2", alphabet: cryptText},
	{prefix: "{SHA", alphabet: cryptText + "}"},
	{prefix: "{SSHA", alphabet: cryptText + "}"},
	{prefix: "eyJ", alphabet: base62 + "-_.", dots: 2}, // JWS
	{prefix: "eyJ", alphabet: base62 + "-_.", dots: 4}, // JWE
}

func (f foreignForm) fits(text string) bool {
	return strings.HasPrefix(text, f.prefix) && strings.HasSuffix(text, f.ending) &&
		(f.alphabet == "" || consistsOf(text[len(f.prefix):], f.alphabet)) &&
		(f.dots == 0 || strings.Count(text, ".") == f.dots)
}

// isForeign reports whether a trimmed text has a foreign form, or is a reference. For a line of
// htpasswd, what follows the user name is checked too.
func isForeign(text string) bool {
	texts := [...]string{text, ""}
	if name, rest, found := strings.Cut(text, ":"); found && isName(name) {
		texts[1] = rest
	}
	for _, text := range texts {
		for _, form := range foreignForms {
			if form.fits(text) {
				return true
			}
		}
	}
	return isReference(text)
}

// isReference reports whether a text is a command or a variable that a shell was to replace. At
// least four letters are required, so that random text is not mistaken for one.
func isReference(text string) bool {
	const letters = 4
	text = strings.Trim(text, "\"'")
	for _, pair := range [][2]string{{"$(", ")"}, {"${", "}"}} {
		inner, begins := strings.CutPrefix(text, pair[0])
		if inner = strings.TrimSpace(inner); begins && strings.HasSuffix(inner, pair[1]) &&
			len(inner) > letters && consistsOf(inner[:letters], base62[:52]+"_") {
			return true
		}
	}
	return false
}
