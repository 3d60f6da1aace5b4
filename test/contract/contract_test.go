package contract_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/test/contract"
)

const issue = "/v1/sessions/anonymous"

func header(pairs ...string) http.Header {
	h := http.Header{"X-Request-Id": {"golden"}, "Cache-Control": {"no-store"},
		"Content-Type": {"application/json"}}
	for i := 0; i < len(pairs); i += 2 {
		h.Del(pairs[i])
		if pairs[i+1] != "" {
			h.Set(pairs[i], pairs[i+1])
		}
	}
	return h
}

func body(installID, appVersion string) string {
	text, err := json.Marshal(map[string]string{"install_id": installID, "app_version": appVersion,
		"platform": "ios"})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// TestBreaches shows that violations are reported. Each is made by one change to a correct
// response.
func TestBreaches(t *testing.T) {
	const (
		granted  = `{"session_token":"a.b","expires_at":"2026-02-16T12:02:00Z","expires_in":120,"refresh_after":97}`
		refused  = `{"error":{"code":"session_rate_limited","message":"Too many session requests; retry later","request_id":"golden"}}`
		unsigned = `{"error":{"code":"unauthorized","message":"Missing bearer token","request_id":"golden"}}`
		unknown  = `{"error":{"code":"not_found","message":"Not found","request_id":"golden"}}`
	)
	request := contract.Request{Method: "POST", Target: issue, Body: body("install-12345", "1.0")}
	limited := []string{
		"X-Error-Code", "session_rate_limited", "Retry-After", "7",
		"RateLimit", `"ip";r=0;t=7`, "RateLimit-Policy", `"ip";q=8;w=60`,
	}
	limitedBut := func(name, value string) http.Header {
		return header(append(limited, name, value)...)
	}
	protected := contract.Request{Method: "GET", Target: "/v1/sessions/current"}
	challenged := []string{"X-Error-Code", "unauthorized", "WWW-Authenticate",
		`Bearer realm="offload"`}
	lost := header("X-Error-Code", "not_found")
	unread := contract.Request{Method: "GET"}
	parserHeader := func(mediaType string) http.Header {
		return http.Header{"Content-Type": {mediaType}}
	}
	const html, plain = "<h1>HTTP Error 431</h1>", "431 Request Header Fields Too Large"
	for name, c := range map[string]struct {
		sent   contract.Request
		answer contract.Answer
		good   bool
	}{
		"granted": {request, contract.Answer{Status: 200, Header: header(), Body: granted},
			true},
		"refused": {request, contract.Answer{Status: 429, Header: header(limited...),
			Body: refused}, true},
		"without credentials": {protected, contract.Answer{Status: 401,
			Header: header(challenged...), Body: unsigned}, true},
		"an unknown path": {contract.Request{Method: "GET", Target: "/x"},
			contract.Answer{Status: 404, Header: lost, Body: unknown}, true},
		"a path below verify": {contract.Request{Method: "BREW",
			Target: "/v1/sessions/verify//..%2F/"},
			contract.Answer{Status: 401, Header: header(challenged...), Body: unsigned}, true},
		"a path next to verify": {contract.Request{Method: "GET", Target: "/v1/sessions/verifyx"},
			contract.Answer{Status: 401, Header: header(challenged...), Body: unsigned}, false},

		"a parser error": {unread,
			contract.Answer{Status: 431, Header: parserHeader("text/plain; charset=utf-8"),
				Body: plain, Close: true}, true},
		"a parser error without close": {unread,
			contract.Answer{Status: 431, Header: parserHeader("text/plain; charset=utf-8"),
				Body: plain}, false},
		"a failed expectation without close": {unread,
			contract.Answer{Status: 417, Header: http.Header{}}, false},
		"a parser error over HTTP/2": {protected,
			contract.Answer{Status: 431, Header: parserHeader("text/html; charset=utf-8"), Body: html,
				HTTP2: true}, true},
		"a parser error in another format": {protected,
			contract.Answer{Status: 431, Header: parserHeader("application/json"), Body: "{}",
				HTTP2: true}, false},

		"an extra member": {request, contract.Answer{Status: 200, Header: header(),
			Body: strings.Replace(granted, "{", `{"x":1,`, 1)}, false},
		"a missing member": {request, contract.Answer{Status: 200, Header: header(),
			Body: strings.Replace(granted, `"expires_in":120,`, "", 1)}, false},
		"a fraction of a second": {request, contract.Answer{Status: 200, Header: header(),
			Body: strings.Replace(granted, "00Z", "00.5Z", 1)}, false},
		"an impossible date": {request, contract.Answer{Status: 200, Header: header(),
			Body: strings.Replace(granted, "02-16", "02-30", 1)}, false},
		"a string in place of a number": {request, contract.Answer{Status: 200, Header: header(),
			Body: strings.Replace(granted, "120", `"120"`, 1)}, false},
		"cacheable": {request, contract.Answer{Status: 200,
			Header: header("Cache-Control", "public"), Body: granted}, false},
		"no Cache-Control": {request, contract.Answer{Status: 200,
			Header: header("Cache-Control", ""), Body: granted}, false},
		"no request id": {request, contract.Answer{Status: 200,
			Header: header("X-Request-Id", ""), Body: granted}, false},
		"no media type": {request, contract.Answer{Status: 200,
			Header: header("Content-Type", ""), Body: granted}, false},
		"another media type": {request, contract.Answer{Status: 200,
			Header: header("Content-Type", "text/html"), Body: granted}, false},
		"an extra header": {request, contract.Answer{Status: 200, Header: header("Server", "x"),
			Body: granted}, false},
		"an undescribed status": {request, contract.Answer{Status: 201, Header: header(),
			Body: granted}, false},
		"another message": {request, contract.Answer{Status: 429, Header: header(limited...),
			Body: strings.Replace(refused, "retry", "try", 1)}, false},
		"details where none are allowed": {request, contract.Answer{Status: 429, Header: header(limited...),
			Body: strings.Replace(refused, "}}", `,"details":[]}}`, 1)}, false},
		"no Retry-After": {request, contract.Answer{Status: 429,
			Header: limitedBut("Retry-After", ""), Body: refused}, false},
		"a Retry-After of 0": {request, contract.Answer{Status: 429,
			Header: limitedBut("Retry-After", "0"), Body: refused}, false},
		"another code": {request, contract.Answer{Status: 429,
			Header: limitedBut("X-Error-Code", "unauthorized"), Body: refused}, false},
		"no RateLimit": {request, contract.Answer{Status: 429,
			Header: limitedBut("RateLimit", ""), Body: refused}, false},
		"no challenge": {protected,
			contract.Answer{Status: 401, Header: header("X-Error-Code", "unauthorized"),
				Body: unsigned}, false},
		"the message of another code": {protected,
			contract.Answer{Status: 401, Header: header(challenged...),
				Body: strings.Replace(unsigned, "Missing bearer token", "Invalid session token",
					1)},
			false},
		"a body for HEAD": {contract.Request{Method: "HEAD", Target: "/x"},
			contract.Answer{Status: 404, Header: lost, Body: unknown}, false},
		"an invalid request granted": {contract.Request{Method: "POST", Target: issue,
			Body: body("short", "1.0")},
			contract.Answer{Status: 200, Header: header(), Body: granted}, false},
		"a valid request rejected": {request,
			contract.Answer{Status: 422, Header: header("X-Error-Code", "validation_error"),
				Body: `{"error":{"code":"validation_error","message":"Request validation failed","request_id":"golden","details":[{"field":"platform","rule":"blank"}]}}`}, false},
	} {
		t.Run(name, func(t *testing.T) {
			breaches := contract.Breaches(c.sent, c.answer)
			assert.Equal(t, c.good, len(breaches) == 0, "%s", breaches)
		})
	}
}

// TestPatternsMatchTheRules shows that the schema's patterns agree with domain/session on every
// code point and length.
func TestPatternsMatchTheRules(t *testing.T) {
	var points []rune
	for point := range rune(0x3100) {
		points = append(points, point)
	}
	points = append(points, 0xd7ff, 0xe000, 0xfeff, 0xfffd, 0xffff, 0x1f600, unicode.MaxRune)
	for _, point := range points {
		for name, given := range map[string][2]string{
			"alone":  {strings.Repeat(string(point), 8), string(point)},
			"among":  {"install" + string(point), "1" + string(point)},
			"spaced": {"        " + string(point), " " + string(point)},
		} {
			request := contract.Request{Method: "POST", Target: issue, Body: body(given[0], given[1])}
			_, broke := session.NewRequest(session.Input{Text: given[0]},
				session.Input{Text: given[1]}, session.Input{Text: "ios"}, session.RuleNone)
			require.Equal(t, broke == nil, len(contract.Flaws(request)) == 0, "%s %U", name, point)
		}
	}
	for n := range 130 {
		for _, letter := range []string{"i", "\U0001f600"} {
			_, broke := session.NewRequest(session.Input{Text: strings.Repeat(letter, n)},
				session.Input{Text: strings.Repeat(letter, n%40)},
				session.Input{Text: "ios"}, session.RuleNone)
			request := contract.Request{Method: "POST", Target: issue,
				Body: body(strings.Repeat(letter, n), strings.Repeat(letter, n%40))}
			require.Equal(t, broke == nil, len(contract.Flaws(request)) == 0, "%d", n)
		}
	}
}
