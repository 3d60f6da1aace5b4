package verify_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/test/harness"
)

// /v1/sessions/verify, which a reverse proxy requests with the method, path and headers of its own
// client.

// id gives a response a request id that is always the same.
const id = "X-Request-ID: golden"

func TestVerifyOnAnyMethodAndAnyPathBelow(t *testing.T) {
	t.Parallel()
	service := harness.Serve(t, nil)
	bearer := "Authorization: Bearer " + service.Token(t, "install-12345")
	for _, sent := range [][2]string{
		{"GET", "/v1/sessions/verify"},
		{"GET", "/v1/sessions/verify?original=/x"},
		{"HEAD", "/v1/sessions/verify"},
		{"POST", "/v1/sessions/verify"},
		{"PUT", "/v1/sessions/verify"},
		{"PATCH", "/v1/sessions/verify"},
		{"DELETE", "/v1/sessions/verify"},
		{"OPTIONS", "/v1/sessions/verify"},
		{"TRACE", "/v1/sessions/verify"},
		{"PROPFIND", "/v1/sessions/verify"},
		{"M-SEARCH", "/v1/sessions/verify/x"},
		{"GET", "/v1/sessions/verify/"},
		{"GET", "/v1/sessions/verify//"},
		{"GET", "/v1/sessions/verify/a/b/c"},
		{"GET", "/v1/sessions/verify//a//b"},
		{"GET", "/v1/sessions/verify/../../../etc/passwd"},
		{"GET", "/v1/sessions/verify/."},
		{"GET", "/v1/sessions/verify/%2e%2e/x"},
		{"GET", "/v1/sessions/verify%2Fx"},
		{"GET", "/v1/sessions/verify%2fx"},
		{"GET", "/v1/sessions/verify/a%00b"},
		{"GET", "/v1/sessions/verify/ключ"},
		{"GET", "http://sessiond/v1/sessions/verify/x"},
		{"GET", "/v1/sessions/verify/" + strings.Repeat("long/", 1000)},
	} {
		name := sent[0] + " " + sent[1][:min(len(sent[1]), 60)]
		t.Run(name, func(t *testing.T) {
			conn := service.Dial(t)
			conn.Send(t, harness.RawRequest(sent[0], sent[1], "", id, bearer))
			conn.ReadResponse(t, sent[0])
			length := "Content-Length: 0\n"
			if sent[0] == http.MethodHead {
				length = ""
			}
			assert.Equal(t, `HTTP/1.1 200 OK
Cache-Control: no-store
X-Request-Id: golden
X-Session-Binding: none
X-Session-Expires-At: 2026-02-16T13:00:00Z
X-Session-Install-Id: install-12345
X-Session-Key-Id: v2-default
`+length+"\n", conn.Transcript())
		})
	}
	for _, path := range []string{
		"/v1/sessions/verifyx", "/v1/sessions/verify%3Fx", "/v1/sessions/verify.",
		"/v1/sessions/verify;x", "/v1/sessions/Verify",
		"/v1/sessions/verif%79", "//v1/sessions/verify", "/v1/sessions//verify",
		"/x/../v1/sessions/verify", "/v1/sessions/verify%252F",
	} {
		t.Run("not below: "+path, func(t *testing.T) {
			answer := service.Exchange(t, "GET", harness.RawRequest("GET", path, "", bearer))
			assert.Equal(t, "not_found", answer.Code())
		})
	}
	t.Run("CONNECT", func(t *testing.T) {
		answer := service.Exchange(t, "CONNECT",
			harness.RawRequest("CONNECT", "/v1/sessions/verify", "", bearer))
		assert.Equal(t, http.StatusOK, answer.Status)
	})
	t.Run("rejections are those of every protected path", func(t *testing.T) {
		for name, headers := range map[string][]string{
			"no credentials": {id},
			"no token":       {id, "Authorization: Bearer x"},
			"two headers":    {id, bearer, bearer},
		} {
			var transcripts []string
			for _, line := range [][2]string{{"GET", "/v1/sessions/current"},
				{"DELETE", "/v1/sessions/verify/x"}} {
				conn := service.Dial(t)
				conn.Send(t, harness.RawRequest(line[0], line[1], "", headers...))
				assert.Equal(t, http.StatusUnauthorized, conn.ReadResponse(t, line[0]).Status)
				transcripts = append(transcripts, conn.Transcript())
			}
			assert.Equal(t, transcripts[0], transcripts[1], name)
		}
	})
}

func TestVerifyEncodesInstallIDsUnambiguously(t *testing.T) {
	t.Parallel()
	service := harness.Serve(t, harness.Env{"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP": "100"})
	for installID, want := range map[string]string{
		"install-12345":    "install-12345",
		"AZaz09-._~":       "AZaz09-._~",
		"a/b?c#d e":        "a%2Fb%3Fc%23d%20e",
		"per%cent":         "per%25cent",
		"per%25cent":       "per%2525cent",
		"comma,semi;quo\"": "comma%2Csemi%3Bquo%22",
		"schlüssel":        "schl%C3%BCssel",
		"ключ-🔑-id":        "%D0%BA%D0%BB%D1%8E%D1%87-%F0%9F%94%91-id",
		"  blank at  ":     "%20%20blank%20at%20%20",
		"e\u0301-not-nfc":  "e%CC%81-not-nfc",
		"\u00e9-in-nfc-":   "%C3%A9-in-nfc-",
		"zero\u200bwidth":  "zero%E2%80%8Bwidth",
		"+plus+star*":      "%2Bplus%2Bstar%2A",
	} {
		t.Run(installID, func(t *testing.T) {
			bearer := harness.Bearer(service.Token(t, installID))
			answer := service.Send(t, "GET", "/v1/sessions/verify", "", bearer)
			assert.Equal(t, []string{want}, answer.Header.Values("X-Session-Install-Id"))
			decoded, err := url.PathUnescape(want)
			assert.NoError(t, err)
			assert.Equal(t, installID, decoded)
			var current struct {
				InstallID string `json:"install_id"`
			}
			service.Current(t, bearer).Decode(t, &current)
			assert.Equal(t, installID, current.InstallID)
		})
	}
}

// TestVerifyDoesNotWaitForABody covers a proxy's sub-request that carries its client's
// Content-Length without the body.
func TestVerifyDoesNotWaitForABody(t *testing.T) {
	t.Parallel()
	service := harness.Serve(t, harness.Env{"OFFLOAD_HTTP_READ_TIMEOUT_SECONDS": "3600"})
	bearer := "Authorization: Bearer " + service.Token(t, "install-12345")
	for name, headers := range map[string][]string{
		"a body with Content-Length":         {bearer, "Content-Length: 5"},
		"a Content-Length above every limit": {bearer, "Content-Length: 9223372036854775807"},
		"a chunked body":                     {bearer, "Transfer-Encoding: chunked"},
		"a body with Expect: 100-continue":   {bearer, "Content-Length: 5", "Expect: 100-continue"},
		"a body without a token":             {"Content-Length: 5"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := service.Dial(t)
			conn.Send(t, harness.RawRequest("POST", "/v1/sessions/verify/x", "", headers...))
			answer := conn.ReadResponse(t, "POST")
			if headers[0] == bearer {
				assert.Equal(t, http.StatusOK, answer.Status)
				assert.Empty(t, answer.Body)
			} else {
				assert.Equal(t, "unauthorized", answer.Code())
			}
			assert.True(t, answer.Close)
			assert.Empty(t, conn.ReadToEnd(t),
				"the connection must be closed before the read timeout of an hour")
		})
	}
	t.Run("a body that is not JSON is ignored", func(t *testing.T) {
		answer := service.Exchange(t, "POST",
			harness.RawRequest("POST", "/v1/sessions/verify", "\x00{", bearer,
				"Content-Type: image/png"))
		assert.Equal(t, http.StatusOK, answer.Status)
		assert.True(t, answer.Close)
	})
	t.Run("no body, no close", func(t *testing.T) {
		conn := service.Dial(t)
		for range 2 {
			conn.Send(t, harness.RawRequest("POST", "/v1/sessions/verify", "", bearer,
				"Content-Length: 0"))
			answer := conn.ReadResponse(t, "POST")
			assert.Equal(t, http.StatusOK, answer.Status)
			assert.False(t, answer.Close)
		}
	})
}
