package envelope_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/adapters/http/envelope"
	"github.com/offload/sessiond/domain/failure"
	"github.com/offload/sessiond/domain/session"
)

func TestHeaderNamesAreCanonical(t *testing.T) {
	for _, name := range []string{envelope.HeaderAuthorization, envelope.HeaderCacheControl,
		envelope.HeaderContentType, envelope.HeaderChallenge, envelope.HeaderRetryAfter,
		envelope.HeaderErrorCode, envelope.HeaderRequestID} {
		assert.Equal(t, http.CanonicalHeaderKey(name), name)
	}
}

func TestBeginSetsRequestID(t *testing.T) {
	const uuid = `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`
	seen := map[string]bool{}
	for name, c := range map[string]struct {
		given []string
		kept  bool
	}{
		"no header":   {nil, false},
		"empty":       {[]string{""}, false},
		"well-formed": {[]string{"Abc.1_2-3"}, true},
		"two headers": {[]string{"a", "a"}, false},
		"longest":     {[]string{strings.Repeat("a", 128)}, true},
		"too long":    {[]string{strings.Repeat("a", 129)}, false},
		"white space": {[]string{"a b"}, false},
		"quotes":      {[]string{`a"b`}, false},
		"markup":      {[]string{"<script>"}, false},
		"not ASCII":   {[]string{"é"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			request, recorder := httptest.NewRequest("GET", "/", nil), httptest.NewRecorder()
			request.Header["X-Request-Id"] = c.given
			id := envelope.Begin(recorder, request)
			assert.Equal(t, http.Header{"X-Request-Id": {id}, "Cache-Control": {"no-store"}},
				recorder.Header())
			if c.kept {
				assert.Equal(t, c.given[0], id)
				return
			}
			assert.Regexp(t, uuid, id)
			assert.False(t, seen[id], "an id was assigned twice")
			seen[id] = true
		})
	}
}

// TestEveryKindHasResponse compares each kind of failure with the contract: status and headers, and
// a body with the code, the message and the request id.
func TestEveryKindHasResponse(t *testing.T) {
	want := map[failure.Kind]struct {
		status    int
		challenge string
	}{
		failure.Internal:     {500, ""},
		failure.Unauthorized: {401, `Bearer realm="offload"`},
		failure.InvalidToken: {401, `Bearer realm="offload", error="invalid_token"`},
		failure.ExpiredToken: {401,
			`Bearer realm="offload", error="invalid_token", error_description="expired"`},
		failure.InvalidProof: {401, `DPoP error="invalid_dpop_proof", algs="ES256 EdDSA"`},
		failure.ProofNonceRequired: {401,
			`DPoP error="use_dpop_nonce", algs="ES256 EdDSA"`},
		failure.NotFound:             {404, ""},
		failure.MethodNotAllowed:     {405, ""},
		failure.PayloadTooLarge:      {413, ""},
		failure.UnsupportedMediaType: {415, ""},
		failure.Validation:           {422, ""},
		failure.RateLimited:          {429, ""},
		failure.Unavailable:          {503, ""},
	}
	assert.Len(t, want, len(failure.Kinds()))
	for _, kind := range failure.Kinds() {
		t.Run(kind.Code(), func(t *testing.T) {
			recorder := httptest.NewRecorder()
			envelope.WriteProblem(recorder, envelope.Problem{Kind: kind, RequestID: "request-1"})
			assert.Equal(t, want[kind].status, recorder.Code)
			header := http.Header{"Content-Type": {"application/json"},
				"X-Error-Code": {kind.Code()}}
			if want[kind].challenge != "" {
				header.Set("WWW-Authenticate", want[kind].challenge)
			}
			assert.Equal(t, header, recorder.Header())
			assert.Equal(t, `{"error":{"code":"`+kind.Code()+`","message":"`+kind.Message()+
				`","request_id":"request-1"}}`, recorder.Body.String())
		})
	}
}

// TestChallengesNameBothSchemes checks that a client without credentials gets challenges for both
// schemes, Bearer first, and only one challenge after any other failure.
func TestChallengesNameBothSchemes(t *testing.T) {
	for kind, want := range map[failure.Kind][]string{
		failure.Unauthorized: {`Bearer realm="offload"`, `DPoP algs="ES256 EdDSA"`},
		failure.InvalidToken: {`Bearer realm="offload", error="invalid_token"`},
		failure.InvalidProof: {`DPoP error="invalid_dpop_proof", algs="ES256 EdDSA"`},
		failure.RateLimited:  nil,
	} {
		recorder := httptest.NewRecorder()
		envelope.WriteProblem(recorder, envelope.Problem{Kind: kind, Bindable: true})
		assert.Equal(t, want, recorder.Header().Values("WWW-Authenticate"), kind.Code())
	}
}

func TestUnknownKindIsInternalError(t *testing.T) {
	recorder := httptest.NewRecorder()
	envelope.WriteProblem(recorder, envelope.Problem{Kind: 255, RequestID: "request-1"})
	assert.Equal(t, 500, recorder.Code)
	assert.Equal(t, "internal_error", recorder.Header().Get("X-Error-Code"))
}

func TestProblemShowsWaitAndViolations(t *testing.T) {
	recorder := httptest.NewRecorder()
	envelope.WriteProblem(recorder, envelope.Problem{Kind: failure.Validation, RequestID: "a",
		RetryAfter: 7, Violations: session.Violations{
			{Field: session.FieldInstallID, Rule: session.RuleLength},
			{Field: session.FieldBody, Rule: session.RuleDuplicate},
		}})
	assert.Equal(t, "7", recorder.Header().Get("Retry-After"))
	assert.Equal(t, `{"error":{"code":"validation_error","message":"Request validation failed",`+
		`"request_id":"a","details":[{"field":"install_id","rule":"length","min":8,"max":128},`+
		`{"field":"body","rule":"duplicate"}]}}`, recorder.Body.String())
}

func TestWriteJSON(t *testing.T) {
	recorder := httptest.NewRecorder()
	envelope.WriteJSON(recorder, 201, map[string]string{"id": `<&>é`})
	assert.Equal(t, 201, recorder.Code)
	assert.Equal(t, `{"id":"<&>é"}`, recorder.Body.String(), "not escaped, and no line feed")
	assert.Equal(t, "application/json", recorder.Header().Get("Content-Type"))
	assert.Panics(t, func() { envelope.WriteJSON(httptest.NewRecorder(), 200, func() {}) })
}
