package secret

import "unicode"

// fold returns the characters of a text without case: in lower case, and with characters that
// Unicode folds to the same letter made equal, so that the Kelvin sign becomes k.
func fold(text string) []rune {
	folded := []rune(text)
	for i, r := range folded {
		switch {
		case 'A' <= r && r <= 'Z':
			folded[i] = r - 'A' + 'a'
		case r > unicode.MaxASCII:
			lowest := r
			for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
				lowest = min(lowest, f)
			}
			folded[i] = unicode.ToLower(lowest)
		}
	}
	return folded
}

// isLetter reports whether a folded character is a letter of any script. Letters outside a-z count
// as much as a-z, which is less than other characters do.
func isLetter(r rune) bool {
	if r <= unicode.MaxASCII {
		return 'a' <= r && r <= 'z'
	}
	return unicode.IsLetter(r)
}

// isDigit reports whether a folded character is a decimal digit of any script.
func isDigit(r rune) bool {
	if r <= unicode.MaxASCII {
		return '0' <= r && r <= '9'
	}
	return unicode.IsDigit(r)
}

// isOther reports whether r is neither a letter nor a digit.
func isOther(r rune) bool {
	return !isLetter(r) && !isDigit(r)
}

// standsAlone reports whether text[from:to] has no letter or digit next to it. Digits count because
// otherwise the single letters of random hex would stand alone between its digits.
func standsAlone(text []rune, from, to int) bool {
	return (from == 0 || isOther(text[from-1])) && (to == len(text) || isOther(text[to]))
}

// isHex reports whether a folded text consists of 0-9, a-f and hyphens only.
func isHex(folded []rune) bool {
	for _, r := range folded {
		switch {
		case '0' <= r && r <= '9', 'a' <= r && r <= 'f', r == '-':
		default:
			return false
		}
	}
	return true
}
