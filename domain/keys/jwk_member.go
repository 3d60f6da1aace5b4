package keys

import "github.com/offload/sessiond/domain/strict"

// jwkMember is a member of a JWK that is written. Its value is text or, if literal is true, JSON.
type jwkMember struct {
	name, value string
	literal     bool
}

func textMember(name, text string) jwkMember { return jwkMember{name: name, value: text} }

// appendType appends the members that state the type of an algorithm's keys.
func appendType(to []jwkMember, row algorithm) []jwkMember {
	to = append(to, textMember(memberType, row.keyType()))
	if row.curve() != "" {
		to = append(to, textMember(memberCurve, row.curve()))
	}
	return to
}

// appendPublic appends the members that hold public, the public part of a key.
func appendPublic(to []jwkMember, row algorithm, public material) []jwkMember {
	for member, value := range publicValues(row, public) {
		to = append(to, textMember(member.name, strict.EncodeBase64([]byte(value))))
	}
	return to
}

// appendObject appends the JSON object with these members, in their order and without white space.
func appendObject(to []byte, members []jwkMember) []byte {
	to = append(to, '{')
	for i, member := range members {
		if i > 0 {
			to = append(to, ',')
		}
		to = append(strict.AppendString(to, member.name), ':')
		if member.literal {
			to = append(to, member.value...)
		} else {
			to = strict.AppendString(to, member.value)
		}
	}
	return append(to, '}')
}
