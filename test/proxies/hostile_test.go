package proxies_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/test/harness"
)

// smuggled is a request that an attacker hides in another one.
const smuggled = "GET /app/smuggled HTTP/1.1\r\nHost: example.test\r\nX-Session-Install-Id: forged\r\n\r\n"

// ambiguous returns requests whose end a proxy and an application might see at different places.
// Each hides smuggled.
func ambiguous() map[string]string {
	head := "POST /public/x HTTP/1.1\r\nHost: example.test\r\n"
	chunk := fmt.Sprintf("%x\r\n%s\r\n", len(smuggled), smuggled)
	length := fmt.Sprintf("Content-Length: %d\r\n", len(smuggled))
	list := map[string]string{
		"length and chunks":       head + length + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled,
		"chunks and length":       head + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n" + chunk + "0\r\n\r\n",
		"two lengths":             head + "Content-Length: 0\r\n" + length + "\r\n" + smuggled,
		"a list of lengths":       head + fmt.Sprintf("Content-Length: 0, %d\r\n\r\n", len(smuggled)) + smuggled,
		"a signed length":         head + fmt.Sprintf("Content-Length: +%d\r\n\r\n", len(smuggled)) + smuggled,
		"a negative length":       head + "Content-Length: -1\r\n\r\n" + smuggled,
		"a hexadecimal length":    head + fmt.Sprintf("Content-Length: 0x%x\r\n\r\n", len(smuggled)) + smuggled,
		"a huge chunk":            head + "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n" + smuggled,
		"a negative chunk":        head + "Transfer-Encoding: chunked\r\n\r\n-1\r\n" + smuggled,
		"a chunk size with 0x":    head + "Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n" + smuggled,
		"bare line feeds":         strings.ReplaceAll(head, "\r\n", "\n") + "Content-Length: 0\n\n" + smuggled,
		"a chunk ended by LF":     head + "Transfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n" + smuggled,
		"a chunk extension of LF": head + "Transfer-Encoding: chunked\r\n\r\n0;\n\r\n" + smuggled,
		"HTTP/1.0 with chunks":    strings.Replace(head, "1.1", "1.0", 1) + "Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n" + smuggled,
		"GET with a body":         "GET /public/x HTTP/1.1\r\nHost: example.test\r\n" + length + "\r\n" + smuggled,
		"a preflight with a body": "OPTIONS /app/x HTTP/1.1\r\nHost: example.test\r\nOrigin: a\r\nAccess-Control-Request-Method: GET\r\n" + length + "\r\n" + smuggled,
		"an upgrade with a body":  "POST /public/x HTTP/1.1\r\nHost: example.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + length + "\r\n" + smuggled,
		"CONNECT":                 "CONNECT /public/x HTTP/1.1\r\nHost: example.test\r\n\r\n" + smuggled,
		"CONNECT to a host":       "CONNECT 127.0.0.1:80 HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n" + smuggled,
		"after Expect":            head + length + "Expect: 100-continue\r\n\r\n" + smuggled,
	}
	for name, encoding := range map[string]string{
		"space before the colon": "Transfer-Encoding : chunked", "a tab": "Transfer-Encoding:\tchunked",
		"a vertical tab": "Transfer-Encoding: \vchunked", "a prefix": "Transfer-Encoding: xchunked",
		"identity":     "Transfer-Encoding: chunked, identity",
		"another":      "Transfer-Encoding: gzip, chunked",
		"two lines":    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
		"quotes":       `Transfer-Encoding: "chunked"`,
		"a folded one": "Transfer-Encoding:\r\n chunked", "a folded other": "X-Other: a\r\n\tTransfer-Encoding: chunked",
		"an underscore": "Transfer_Encoding: chunked", "a null": "Transfer-Encoding: chunked\x00",
		"a carriage return": "X-Other: a\rTransfer-Encoding: chunked", "capitals": "TRANSFER-ENCODING: CHUNKED",
	} {
		list["an encoding with "+name] = head + encoding + "\r\n" + length + "\r\n0\r\n\r\n" + smuggled
		list["only an encoding with "+name] = head + encoding + "\r\n\r\n" + chunk + "0\r\n\r\n"
	}
	return list
}

// TestNoRequestIsSmuggled shows that an application never receives a request that its proxy has not
// checked, on a connection on which the proxy's next request follows.
func TestNoRequestIsSmuggled(t *testing.T) {
	t.Parallel()
	eachProduct(t, func(t *testing.T, p product) {
		s := startSite(t, p, nil)
		bearer := "Authorization: Bearer " + s.token
		for what, text := range ambiguous() {
			conn := s.client.Dial(t)
			conn.Send(t, text)
			conn.Send(t, request("GET", "/public/after", "", "Connection: close"))
			_, _ = conn.TryReadResponse("GET")
			_ = conn.Close()
			// The application's connection is used again.
			assert.Equal(t, http.StatusOK, s.client.Exchange(t, "GET",
				request("GET", "/app/next", "", bearer)).Status, what)
			for _, received := range s.application.take() {
				assert.NotContains(t, received.named("X-Session-Install-Id"), "forged", what)
				assert.NotEqual(t, "/app/smuggled", received.Target, what)
			}
		}
	})
}

// TestHostileHeaders shows that no form of a header gets past the removal of forged ones.
func TestHostileHeaders(t *testing.T) {
	t.Parallel()
	eachProduct(t, func(t *testing.T, p product) {
		s := startSite(t, p, nil)
		bearer := "Authorization: Bearer " + s.token
		for what, lines := range map[string][]string{
			"a space before the colon": {"X-Session-Install-Id : forged"},
			"a tab before the colon":   {"X-Session-Install-Id\t: forged"},
			"folded":                   {"X-Other: a\r\n X-Session-Install-Id: forged"},
			"a folded value":           {"X-Session-Install-Id:\r\n forged"},
			"after a line feed":        {"X-Other: a\nX-Session-Install-Id: forged"},
			"after a carriage return":  {"X-Other: a\rX-Session-Install-Id: forged"},
			"after a null":             {"X-Other: a\x00\r\nX-Session-Install-Id: forged"},
			"a leading space":          {" X-Session-Install-Id: forged"},
			"a null in the name":       {"X-Session\x00-Install-Id: forged"},
			"not ASCII":                {"X-Session\xadInstall-Id: forged"},
			"in UTF-8":                 {"X‐Session‐Install‐Id: forged"},
			"a slash":                  {"X/Session/Install/Id: forged"},
			"a space":                  {"X Session Install Id: forged"},
			"parentheses":              {"X(Session)Install-Id: forged"},
			"many":                     slices.Repeat([]string{"X-Session-Install-Id: forged"}, 60),
			"a placeholder":            {"X-Other: {http.request.header.X-Forged}", "X-Forged: forged"},
			"listed in Connection": {"Connection: close, Authorization, X-Session-Install-Id",
				"X-Session-Install-Id: forged"},
			"the response's": {"X-Error-Code: forged", "X-Accel-Redirect: /app/x",
				"X-Envoy-Original-Path: /public/x", "X-Sendfile: /etc/passwd"},
		} {
			for _, target := range []string{"/app/x", "/public/x"} {
				conn := s.client.Dial(t)
				conn.Send(t, request("GET", target, "", append(slices.Clone(lines), bearer)...))
				answer, err := conn.TryReadResponse("GET")
				_ = conn.Close()
				for _, received := range s.application.take() {
					values := received.named("X-Session-Install-Id")
					assert.NotContains(t, strings.Join(values, ","), "forged", "%s on %s", what, target)
					if target == "/app/x" {
						assert.Equal(t, []string{encoded}, values, what)
					}
				}
				if err == nil {
					assert.Less(t, answer.Status, 500, "%s: %s", what, answer.Body)
				}
			}
			// Nothing of this makes a request without a session valid.
			conn := s.client.Dial(t)
			conn.Send(t, request("GET", "/app/x", "", lines...))
			answer, err := conn.TryReadResponse("GET")
			_ = conn.Close()
			s.application.assertNothing(t, what)
			if err == nil {
				assert.NotEqual(t, http.StatusOK, answer.Status, what)
			}
		}
	})
}

// TestMethodsThatProxiesTreatSpecially shows that they need a session like all others.
func TestMethodsThatProxiesTreatSpecially(t *testing.T) {
	t.Parallel()
	eachProduct(t, func(t *testing.T, p product) {
		s := startSite(t, p, nil)
		for what, text := range map[string]string{
			"OPTIONS *":           "OPTIONS * HTTP/1.1\r\nHost: example.test\r\n\r\n",
			"a preflight of *":    "OPTIONS * HTTP/1.1\r\nHost: example.test\r\nOrigin: a\r\nAccess-Control-Request-Method: GET\r\n\r\n",
			"TRACE":               request("TRACE", "/app/x", ""),
			"CONNECT":             "CONNECT example.test:80 HTTP/1.1\r\nHost: example.test:80\r\n\r\n",
			"PRI":                 "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
			"HTTP/0.9":            "GET /app/x\r\n",
			"HTTP/1.9":            "GET /app/x HTTP/1.9\r\nHost: example.test\r\n\r\n",
			"another host's URL":  "GET http://other.test/app/x HTTP/1.1\r\nHost: example.test\r\n\r\n",
			"two hosts":           request("GET", "/app/x", "", "Host: other.test"),
			"the service's names": request("GET", "/v1/sessions/verify", "", "Host: sessiond"),
			"an inner location":   request("GET", "/_session", ""),
			"a named location":    request("GET", "@session_preflight", ""),
			"PURGE":               request("PURGE", "/app/x", ""),
		} {
			conn := s.client.Dial(t)
			conn.Send(t, text)
			if what == "PRI" || what == "HTTP/0.9" {
				_ = conn.Close()
			} else if answer, err := conn.TryReadResponse("GET"); err == nil {
				assert.Less(t, answer.Status, 502, "%s: %s", what, answer.Body)
			}
			for _, received := range s.application.take() {
				// Asterisk form has no path. The application must answer it for itself.
				assert.Equal(t, "OPTIONS *", received.Method+" "+received.Target, what)
				assert.Equal(t, "a preflight of *", what)
			}
		}
		assert.Equal(t, http.StatusOK, s.client.Send(t, "GET", "/app/x", "",
			harness.Bearer(s.token)).Status)
	})
}
