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
	if !isJSON(r.Header[envelope.HeaderContentType]) {
		return session.Request{}, failure.New(failure.UnsupportedMediaType, nil)
	}
	body, err := server.ReadBody(w, r, maxBody)
	if err != nil && !errors.Is(err, server.ErrBodyBroken) {
		return session.Request{}, err
	}
	var found [3]strict.Found
	document, parseErr := requestFields.Parse(string(body), found[:])
	if err != nil || parseErr != nil {
		return session.Request{}, session.Violations{{Field: session.FieldBody,
			Rule: session.RuleJSON}}
	}
	if document.Kind() != strict.Object {
		return session.Request{}, session.Violations{{Field: session.FieldBody,
			Rule: session.RuleType}}
	}
	installID, appVersion, platform := &found[0], &found[1], &found[2]
	whole := session.RuleNone
	if document.Repeated > installID.Repeated+appVersion.Repeated+platform.Repeated {
		whole = session.RuleDuplicate // unknown members are ignored, but must not be repeated
	}
	return session.NewRequest(input(installID), input(appVersion), input(platform), whole)
}

// requestFields are the members of a request.
var requestFields = strict.NewFields(string(session.FieldInstallID),
	string(session.FieldAppVersion), string(session.FieldPlatform))

// input returns the text of a member as it was received, or the rule that the member violates: it
// is missing, repeated or not a string.
func input(found *strict.Found) session.Input {
	if found.Raw() == "" {
		return session.Input{Violated: session.RuleRequired}
	}
	if found.Repeated > 0 {
		return session.Input{Violated: session.RuleDuplicate}
	}
	text, ok := found.Text()
	if !ok {
		return session.Input{Violated: session.RuleType}
	}
	return session.Input{Text: text}
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
