package api

import (
	"errors"
	"mime"
	"net/http"
	"strings"

	"github.com/offload/sessiond/adapters/http/envelope"
	"github.com/offload/sessiond/adapters/http/server"
	"github.com/offload/sessiond/domain/failure"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/strict"
)

// maxBody is the maximum size of an issue request in bytes.
const maxBody = 16 << 10

// decode parses an issue request: it checks the media type, then the size, then the body.
func decode(w http.ResponseWriter, r *http.Request) (session.Request, error) {
	if !isJSON(r.Header.Values(envelope.HeaderContentType)) {
		return session.Request{}, failure.New(failure.UnsupportedMediaType, nil)
	}
	body, err := server.ReadBody(w, r, maxBody)
	if err != nil && !errors.Is(err, server.ErrBodyBroken) {
		return session.Request{}, err
	}
	document, parseErr := strict.ParseKnown(string(body), string(session.FieldInstallID),
		string(session.FieldAppVersion), string(session.FieldPlatform))
	if err != nil || parseErr != nil {
		return session.Request{}, session.Violations{{Field: session.FieldBody,
			Rule: session.RuleJSON}}
	}
	if document.Kind() != strict.Object {
		return session.Request{}, session.Violations{{Field: session.FieldBody,
			Rule: session.RuleType}}
	}
	m := members{document: document}
	installID, appVersion, platform := m.take(session.FieldInstallID),
		m.take(session.FieldAppVersion), m.take(session.FieldPlatform)
	return session.NewRequest(installID, appVersion, platform, m.rest())
}

// isJSON reports whether the media type is application/json or absent. Deployed clients omit it and
// send JSON.
func isJSON(values []string) bool {
	if len(values) == 0 {
		return true
	}
	if len(values) > 1 {
		return false
	}
	if strings.TrimSpace(values[0]) == "" {
		return true
	}
	if values[0] == envelope.MediaType { // what nearly every client sends
		return true
	}
	media, parameters, err := mime.ParseMediaType(values[0])
	if err != nil || media != envelope.MediaType {
		return false
	}
	charset, given := parameters["charset"]
	return !given || strings.EqualFold(charset, "utf-8")
}

// members extracts the known members of a body.
type members struct {
	document strict.Document
	repeated int // counts known members only
}

// take returns the member with the given name, or the rule that it violates.
func (m *members) take(field session.Field) session.Input {
	given := session.Input{Violated: session.RuleRequired}
	for _, member := range m.document.Members() {
		switch {
		case member.Name != string(field):
		case member.Repeated:
			m.repeated++
			given = session.Input{Violated: session.RuleDuplicate}
		default:
			text, ok := member.Value.Text()
			given = session.Input{Text: text}
			if !ok {
				given = session.Input{Violated: session.RuleType}
			}
		}
	}
	return given
}

// rest returns the rule that the body violates apart from its known members. Unknown members are
// ignored, but must not be repeated.
func (m *members) rest() session.Rule {
	if m.document.Repeated > m.repeated {
		return session.RuleDuplicate
	}
	return session.RuleNone
}
