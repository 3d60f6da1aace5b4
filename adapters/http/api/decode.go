package api

import (
	"errors"
	"mime"
	"net/http"
	"strings"

	"github.com/offload/sessiond/adapters/http/server"
	"github.com/offload/sessiond/domain/failure"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/strict"
)

// maxBody is the maximum size of a request to issue, in bytes.
const maxBody = 16 << 10

// decode reads a request to issue: its media type, its size, then its body.
func decode(r *http.Request) (session.Request, error) {
	if !isJSON(r.Header.Values("Content-Type")) {
		return session.Request{}, failure.New(failure.UnsupportedMediaType, nil)
	}
	body, err := server.ReadBody(r, maxBody)
	if err != nil && !errors.Is(err, server.ErrBodyBroken) {
		return session.Request{}, err
	}
	document, parseErr := strict.Parse(string(body))
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

// isJSON reports whether the media type is application/json or missing: deployed clients send JSON
// without a type.
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
	media, parameters, err := mime.ParseMediaType(values[0])
	if err != nil || media != "application/json" {
		return false
	}
	charset, given := parameters["charset"]
	return !given || strings.EqualFold(charset, "utf-8")
}

// members reads the known members of a body.
type members struct {
	document strict.Document
	repeated int // of the known ones
}

// take returns the member of that name, or the rule that it violates.
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

// rest returns what is wrong with the body besides the known members: other names are ignored, but
// must not be repeated.
func (m *members) rest() session.Rule {
	if m.document.Repeated > m.repeated {
		return session.RuleDuplicate
	}
	return session.RuleNone
}
