package proxies_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestLargeRequestsAreVerified shows that a request which the application may accept is not
// refused because its URL or its headers exceed the bounds of the service.
func TestLargeRequestsAreVerified(t *testing.T) {
	t.Parallel()
	eachProduct(t, func(t *testing.T, p product) {
		s := startSite(t, p, nil)
		bearer := "Authorization: Bearer " + s.token
		headers := []string{bearer, "Cookie: " + strings.Repeat("c", 6000)}
		for range 6 {
			headers = append(headers, "X-Baggage: "+strings.Repeat("b", 4000))
		}
		for what, text := range map[string]string{
			"a long path":          request("GET", "/app/"+strings.Repeat("p", 20<<10), "", bearer),
			"a long encoded path":  request("GET", "/app/"+strings.Repeat("%41", 7<<10), "", bearer),
			"a shifted one":        request("GET", "/app/x"+strings.Repeat("%41", 7<<10), "", bearer),
			"another shifted one":  request("GET", "/app/xx"+strings.Repeat("%41", 7<<10), "", bearer),
			"a long query":         request("GET", "/app/?"+strings.Repeat("q", 30<<10), "", bearer),
			"30 KB of headers":     request("GET", "/app/x", "", headers...),
			"a header of 30 KB":    request("GET", "/app/x", "", bearer, "X-Large: "+strings.Repeat("x", 30<<10)),
			"a long public path":   request("GET", "/public/"+strings.Repeat("p", 20<<10), "", bearer),
			"a preflight of 30 KB": request("OPTIONS", "/app/x", "", append(slices.Clone(preflight), headers...)...),
		} {
			method, _, _ := strings.Cut(text, " ")
			answer := s.client.Exchange(t, method, text)
			assert.Equal(t, http.StatusOK, answer.Status, "%s: %s", what, answer.Body)
			assert.Len(t, s.application.take(), 1, what)
		}
	})
}

// TestLargeCredentialsAreRefused shows that a client cannot cause a server error with credentials
// that the service does not read.
func TestLargeCredentialsAreRefused(t *testing.T) {
	t.Parallel()
	eachProduct(t, func(t *testing.T, p product) {
		s := startSite(t, p, nil)
		for _, size := range []int{9000, 20 << 10, 40 << 10} {
			answer := s.client.Exchange(t, "GET", request("GET", "/app/x", "",
				"Authorization: Bearer "+strings.Repeat("x", size)))
			s.application.assertNothing(t, "large credentials")
			assert.Contains(t, []int{http.StatusUnauthorized,
				http.StatusRequestHeaderFieldsTooLarge}, answer.Status, "%d: %s", size, answer.Body)
		}
	})
}

// TestTheServiceReceivesOnlyWhatItNeeds lists every header of the sub-request.
func TestTheServiceReceivesOnlyWhatItNeeds(t *testing.T) {
	t.Parallel()
	eachProduct(t, func(t *testing.T, p product) {
		sessiond := startUpstream(t, func(w http.ResponseWriter, _ *http.Request) { session(w) })
		application := startApplication(t)
		client := startClient(t, p, sessiond.addr(), application.addr())
		conn := client.Dial(t)
		conn.Send(t, request("POST", "/app/secret?secret=1", "a body",
			"Authorization: Bearer {env.HOME}", "Cookie: secret", "X-Secret: secret",
			"Expect: 100-continue", "TE: trailers", "X-Forwarded-Uri: /secret",
			"X-Forwarded-Method: DELETE", "X-Forwarded-Host: secret", "Proxy-Authorization: secret", "User-Agent: secret",
			"Accept: secret/secret", "Content-Type: secret/secret"))
		answer := conn.ReadResponse(t, "POST")
		for answer.Status == http.StatusContinue {
			answer = conn.ReadResponse(t, "POST")
		}
		require.Equal(t, http.StatusOK, answer.Status)
		asked := sessiond.take()
		require.Len(t, asked, 1)
		assert.NotContains(t, asked[0].Target, "?")
		assert.Equal(t, []string{"Bearer {env.HOME}"}, asked[0].Header.Values("Authorization"),
			"text of a client is never expanded")
		for name, values := range asked[0].Header {
			if told := map[string]string{"X-Forwarded-Method": "POST", "X-Forwarded-Proto": "http",
				"X-Forwarded-Host": "example.test"}[name]; told != "" {
				assert.Equal(t, []string{told}, values, name)
				continue
			}
			assert.Contains(t, []string{"Authorization", "X-Request-Id", "Accept-Encoding", "Via",
				"Accept", "User-Agent", "Connection", "Content-Length", "X-Forwarded-For",
				"X-Envoy-Internal", "X-Envoy-Expected-Rq-Timeout-Ms"}, name)
			assert.NotContains(t, values, "secret", name)
		}
	})
}

// TestTrailers shows that an application never receives a forged trailer: most proxies drop
// trailers, and HAProxy refuses such a request.
func TestTrailers(t *testing.T) {
	t.Parallel()
	eachProduct(t, func(t *testing.T, p product) {
		s := startSite(t, p, nil)
		bearer := "Authorization: Bearer " + s.token
		large := "20000\r\n" + strings.Repeat("x", 0x20000) + "\r\n"
		for _, target := range []string{"/app/x", "/public/x"} {
			for what, body := range map[string]string{
				"a body":       "3\r\nabc\r\n0\r\nX-Session-Install-Id: forged\r\n\r\n",
				"no body":      "0\r\nX-Session-Install-Id: forged\r\n\r\n",
				"a short name": "0\r\nA:\r\n\r\n",
				"a large body": large + "0\r\nX_Session_Install_Id: forged\r\n\r\n",
			} {
				for _, headers := range [][]string{nil, {"Trailer: X-Session-Install-Id"},
					{"Trailer: X-Session-Install-Id", "TE: trailers", "Connection: TE"}} {
					answer := s.client.Exchange(t, "POST", request("POST", target, "",
						append(slices.Clone(headers), bearer, "Transfer-Encoding: chunked")...)+body)
					assert.Contains(t, []int{http.StatusOK, http.StatusBadRequest}, answer.Status,
						"%s: %s", what, answer.Body)
					for _, received := range s.application.take() {
						for name, values := range received.Trailer {
							assert.Empty(t, values, "%s to %s: trailer %s", what, target, name)
						}
						assert.NotContains(t, received.named("X-Session-Install-Id"), "forged")
					}
				}
			}
		}
		// Chunked bodies without trailers pass whole.
		answer := s.client.Exchange(t, "POST", request("POST", "/app/x", "", bearer,
			"Transfer-Encoding: chunked")+large+large+"0\r\n\r\n")
		require.Equal(t, http.StatusOK, answer.Status, "%s", answer.Body)
		// The application may report late what was broken off before.
		assert.True(t, slices.ContainsFunc(s.application.take(), func(received seen) bool {
			return received.Body == 0x40000 &&
				slices.Equal(received.named("X-Session-Install-Id"), []string{encoded})
		}))
	})
}
