package plan_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/failure"
	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/device"
)

// Phase 1: every error has one stable response.

// goldenErrors returns the golden table: the response of each error, by name.
func goldenErrors(t *testing.T) map[string]string {
	t.Helper()
	archive, err := txtar.ParseFile("testdata/errors.txt")
	require.NoError(t, err)
	golden := map[string]string{}
	for _, file := range archive.Files {
		golden[file.Name] = strings.TrimSuffix(string(file.Data), "\n")
	}
	return golden
}

// id gives the response the request id of the golden table.
const id = "X-Request-ID: golden"

func TestPhase1ErrorsAreStable(t *testing.T) {
	t.Parallel()
	plain := harness.Serve(t, harness.Env{"OFFLOAD_SESSION_TTL_SECONDS": "120"})
	expired := "Authorization: Bearer " + plain.Token(t, "install-12345")
	plain.Clock.Advance(120 * time.Second)
	valid := "Authorization: Bearer " + plain.Token(t, "install-12345")

	bindable := harness.Serve(t, harness.Env{"OFFLOAD_SESSION_BINDING": "accept",
		"OFFLOAD_LIMITER_DIGEST_KEY": harness.OtherSecret})
	phone := device.New(1)
	stale := "DPoP: " + phone.Proof(device.For(http.MethodPost, "http://sessiond"+harness.IssuePath,
		harness.Noon.Add(-301*time.Second)))

	full := harness.Serve(t, harness.Env{"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP": "1",
		"OFFLOAD_LIMITER_DIGEST_KEY": harness.OtherSecret})
	full.Token(t, "install-12345")
	full.Clock.Advance(20 * time.Second)

	soon := harness.Serve(t, nil, harness.PendingKeyUntil(t,
		harness.Noon.Add(20*time.Second+time.Nanosecond)))
	late := harness.Serve(t, nil, harness.PendingKeyUntil(t, harness.Noon.Add(time.Hour)))
	unserved := harness.Serve(t, nil, harness.FailingLimiter())
	broken := harness.Serve(t, nil, harness.PanickingLimiter())

	const current, issue = "/v1/sessions/current", harness.IssuePath
	sound := harness.IssueBody("install-12345")
	golden := goldenErrors(t)
	seen := map[string]bool{}
	for name, sent := range map[string]struct {
		to   *harness.InProcess
		text string
	}{
		"unauthorized: no credentials": {plain, harness.RawRequest("GET", current, "", id)},
		"unauthorized: another scheme": {plain,
			harness.RawRequest("GET", current, "", id, "Authorization: Basic dXNlcjpwYXNz")},
		"unauthorized: no token after Bearer": {plain,
			harness.RawRequest("GET", current, "", id, "Authorization: Bearer  ")},
		"unauthorized: no credentials, where sessions can be bound": {bindable,
			harness.RawRequest("GET", current, "", id)},
		"invalid_proof: missing": {bindable,
			harness.RawIssue(harness.IssueBody(phone.Thumbprint), id)},
		"proof_nonce_required": {bindable,
			harness.RawIssue(harness.IssueBody(phone.Thumbprint), id, stale)},
		"invalid_token": {plain,
			harness.RawRequest("GET", current, "", id, "Authorization: Bearer x")},
		"invalid_token: two headers": {plain,
			harness.RawRequest("GET", current, "", id, valid, valid)},
		"invalid_token: text after the token": {plain,
			harness.RawRequest("GET", current, "", id, valid+" x")},
		"expired_token": {plain,
			harness.RawRequest("GET", current, "", id, expired)},
		"not_found":                          {plain, harness.RawRequest("GET", "/v2", "", id)},
		"method_not_allowed: a path of POST": {plain, harness.RawRequest("GET", issue, "", id)},
		"method_not_allowed: a path of GET": {plain,
			harness.RawRequest("DELETE", current, "", id, valid)},
		"payload_too_large: announced by Content-Length": {plain,
			harness.RawIssue(strings.Repeat(" ", 16<<10+1), id)},
		"payload_too_large: chunked": {plain,
			harness.RawChunkedIssue(strings.Repeat(" ", 20_000), id)},
		"unsupported_media_type": {plain,
			harness.RawRequest("POST", issue, sound, id, "Content-Type: text/plain")},
		"validation_error: not JSON":      {plain, harness.RawIssue("{", id)},
		"validation_error: not an object": {plain, harness.RawIssue(`[]`, id)},
		"session_rate_limited":            {full, harness.RawIssue(sound, id)},
		"internal_error": {broken,
			harness.RawIssue(sound, id)},
		"service_unavailable: no key can sign for a long time": {late, harness.RawIssue(sound, id)},
		"service_unavailable: no key can sign for 20 seconds and a nanosecond": {soon,
			harness.RawIssue(sound, id)},
		"service_unavailable: the shared storage is down": {unserved,
			harness.RawIssue(sound, id)},
		"validation_error: type, blank, required, duplicate": {plain, harness.RawIssue(
			`{"install_id":7,"app_version":" \t","x":1,"x":2}`, id)},
		"validation_error: characters, length, duplicate": {plain, harness.RawIssue(
			`{"install_id":"install\u0000id","app_version":"`+strings.Repeat("1", 33)+
				`","platform":"a","platform":"b"}`, id)},
	} {
		want, known := golden[name]
		require.True(t, known, name)
		delete(golden, name)
		t.Run(name, func(t *testing.T) {
			conn := sent.to.Dial(t)
			conn.Send(t, sent.text)
			answer := conn.ReadResponse(t, http.MethodGet)
			assert.Equal(t, want, conn.Transcript())
			seen[answer.Code()] = true
		})
	}
	assert.Empty(t, golden, "responses of the golden table without a request")
	for _, kind := range failure.Kinds() {
		assert.True(t, seen[kind.Code()], "%s is missing from the table", kind.Code())
	}
	assert.Len(t, seen, len(failure.Kinds()))
}

func TestPhase1MalformedTokensAreInvalid(t *testing.T) {
	t.Parallel()
	invalid := goldenErrors(t)["invalid_token"]
	service := harness.Serve(t, nil)
	token := service.Token(t, "install-12345")
	payload, signature, _ := strings.Cut(token, ".")
	encode := base64.RawURLEncoding.EncodeToString
	for name, malformed := range map[string]string{
		"one segment":                         payload,
		"only a signature":                    signature,
		"only a dot":                          ".",
		"two dots":                            "..",
		"no payload":                          "." + signature,
		"no signature":                        payload + ".",
		"dot at the end":                      token + ".",
		"dot at the start":                    "." + token,
		"three segments":                      token + "." + signature,
		"four segments":                       token + "." + token,
		"segments swapped":                    signature + "." + payload,
		"payload twice":                       payload + "." + payload,
		"padded payload":                      payload + "=." + signature,
		"padded signature":                    token + "=",
		"standard alphabet":                   payload + "." + strings.Repeat("+/", 22)[:43],
		"outside every alphabet":              "!" + payload[1:] + "." + signature,
		"percent-encoded":                     "%65" + payload[1:] + "." + signature,
		"more characters than bytes":          payload + "." + signature + "AA",
		"a length that base64url cannot have": "A." + signature,
		"unused bits set":                     payload + "." + withUnusedBits(t, signature),
		"signature one byte short":            payload + "." + encode(make([]byte, 31)),
		"signature one byte long":             payload + "." + encode(make([]byte, 33)),
		"signature of zeros":                  payload + "." + encode(make([]byte, 32)),
		"payload that is not JSON":            encode([]byte("{")) + "." + signature,
		"payload that is not an object":       encode([]byte("[2]")) + "." + signature,
		"the payload of another token":        encode([]byte(`{"v":2}`)) + "." + signature,
		"space inside":                        payload + " ." + signature,
		"tab inside":                          payload + ".\t" + signature,
		"a comma and another token":           token + "," + token,
		"quoted":                              `"` + token + `"`,
		"one byte over the limit":             strings.Repeat("A", 4097-44) + "." + signature,
		"at the limit":                        strings.Repeat("A", 4096-44) + "." + signature,
		"far over the limit":                  strings.Repeat("A", 12000) + "." + signature,
		"obs-text":                            "\xff\xfe" + token,
		"a lookalike letter":                  "\u0435" + token[1:],
		"a full-width full stop":              payload + "\uff0e" + signature,
		"lower case":                          strings.ToLower(token),
		"upper case":                          strings.ToUpper(token),
		"the scheme twice":                    "Bearer " + token,
		"a JWS without an algorithm":          "eyJhbGciOiJub25lIn0." + payload + ".",
		"a JWS with alg HS256": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9." + payload + "." +
			signature,
		"a JavaScript client's mistake":  "undefined",
		"a JavaScript client's mistakes": "[object Object]",
	} {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{"/v1/sessions/current", "/v1/sessions/verify"} {
				conn := service.Dial(t)
				conn.Send(t, harness.RawRequest(http.MethodGet, path, "", id,
					"Authorization: Bearer "+malformed))
				conn.ReadResponse(t, http.MethodGet)
				assert.Equal(t, invalid, conn.Transcript(), path)
			}
		})
	}
	assert.Equal(t, http.StatusOK, service.Current(t, harness.Bearer(token)).Status,
		"the token itself")
}

// withUnusedBits returns text with unused bits set in its last character. A lenient decoder decodes
// it to the same bytes.
func withUnusedBits(t *testing.T, text string) string {
	t.Helper()
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, text[len(text)-1])
	require.Zero(t, last%4, "32 bytes leave two bits of the last character unused")
	twin := text[:len(text)-1] + alphabet[last+1:last+2]
	bytes, err := base64.RawURLEncoding.DecodeString(text)
	require.NoError(t, err)
	same, err := base64.RawURLEncoding.DecodeString(twin)
	require.NoError(t, err)
	require.Equal(t, bytes, same)
	return twin
}

// TestPhase1DevelopmentSecretIsNeverShared shows that processes with the same configuration have
// different development secrets, so that a restart invalidates all tokens.
func TestPhase1DevelopmentSecretIsNeverShared(t *testing.T) {
	t.Parallel()
	var services []*harness.Process
	var tokens []string
	for range 3 {
		service := harness.Start(t, nil)
		services, tokens = append(services, service),
			append(tokens, service.Token(t, "install-12345"))
	}
	for i, service := range services {
		for j, token := range tokens {
			answer := service.Current(t, harness.Bearer(token))
			if i == j {
				assert.Equal(t, http.StatusOK, answer.Status)
			} else {
				assert.Equal(t, "invalid_token", answer.Code(),
					"a token of process %d in process %d", j, i)
			}
		}
	}
}
