package leaks

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

// Decoys returns headers that reveal as much as possible about a client.
func (s *Search) Decoys() []harness.Header {
	headers := []harness.Header{{"X-Request-ID", "not an id: " + s.Mark("a bad request id")}}
	for _, name := range []string{
		"User-Agent", "Referer", "Cookie", "Origin", "Accept", "Accept-Language", "X-Real-Ip",
		"X-Forwarded-Host", "X-Session-Install-Id", "X-Api-Key",
		"Forwarded", "Traceparent", "Proxy-Authorization", "If-None-Match",
		"X-" + s.Mark("a header's name"),
	} {
		headers = append(headers, harness.Header{name, s.Mark("header " + name)})
	}
	return headers
}

// Probe sends a service every request that it serves or refuses, with texts that must not leave it,
// and adds what leaves the service to the places. Then it stops the service.
func (s *Search) Probe(t testing.TB, name string, service *harness.InProcess) {
	t.Helper()
	address := fmt.Sprintf("203.0.113.%d", 100+len(s.Forbidden)%100)
	s.Forbidden["an address: "+name] = address
	s.Forbidden["an address of IPv6: "+name] = "2001:db8:aff3:" +
		strconv.Itoa(1000+len(s.Forbidden)) + "::7"
	six := harness.ForwardedFor(s.Forbidden["an address of IPv6: "+name])
	four := harness.ForwardedFor(address)
	with := func(more ...harness.Header) []harness.Header { return append(s.Decoys(), more...) }
	id := s.Mark("install id: " + name)

	var tokens []string
	for _, from := range []harness.Header{four, six} {
		if answer := service.Issue(t, id, with(from)...); answer.Status == http.StatusOK {
			tokens = append(tokens, answer.Session(t).Token)
		} else {
			s.Add(name+", issue", answer)
		}
	}
	for n, token := range tokens {
		payload, signature, _ := strings.Cut(token, ".")
		s.Forbidden[fmt.Sprintf("token %d: %s", n, name)] = token
		s.Forbidden[fmt.Sprintf("payload %d: %s", n, name)] = payload
		s.Forbidden[fmt.Sprintf("signature %d: %s", n, name)] = signature
		require.Equal(t, http.StatusOK, service.Current(t, with(harness.Bearer(token))...).Status)
		require.Equal(t, http.StatusOK, service.Send(t, "PUT",
			"/v1/sessions/verify/"+s.Mark("path"), s.Mark("body"),
			with(harness.Bearer(token))...).Status)
		s.Add(name+", throttled by installation", // for an altered token is no renewal
			service.Issue(t, id, with(four, harness.Bearer(token+"A"))...))
		s.Add(name+", a token altered", service.Current(t,
			with(harness.Bearer(token[:len(token)-3]+"AAA"))...))
		s.Add(name+", two tokens", service.Current(t,
			with(harness.Bearer(token), harness.Bearer(token))...))
		s.Add(name+", a token and more", service.Current(t,
			with(harness.Bearer(token+" "+s.Mark("behind the token")))...))
		s.Add(name+", a token of another scheme",
			service.Current(t, with(harness.Header{"Authorization", "Token " + token})...))
	}
	for n := range 10 {
		if answer := service.Issue(t, s.Mark("newcomer"),
			with(four)...); answer.Status != http.StatusOK {
			s.Add(fmt.Sprintf("%s, newcomer %d", name, n), answer)
		}
	}
	s.Add(name+", credentials", service.Current(t,
		with(harness.Header{"Authorization", "Basic " + s.Mark("credentials")})...))
	s.Add(name+", an unknown token", service.Current(t,
		with(harness.Bearer(s.Mark("payload of an unknown token")+"."+
			s.Mark("signature of an unknown token")))...))
	foreign := harness.ForgeToken(`{"v":2,"kid":"`+s.Mark("kid")+`","iss":"`+s.Mark(
		"iss")+`","aud":"`+
		s.Mark("aud")+`","install_id":"`+s.Mark("id in a foreign token")+`"}`, harness.OtherSecret)
	s.Forbidden["a foreign token: "+name] = foreign
	s.Add(name+", a foreign token", service.Send(t, "GET", "/v1/sessions/verify", "",
		with(harness.Bearer(foreign))...))
	ours := harness.ForgeToken(`{"v":2,"kid":"old","iss":"`+s.Mark("iss of ours")+
		`","aud":"x","iat":1,"nbf":1,"exp":2,"install_id":"`+s.Mark("id of ours")+`"}`,
		harness.OtherSecret)
	s.Add(name+", another issuer", service.Current(t, with(harness.Bearer(ours))...))

	issue := func(what, body string, headers ...harness.Header) {
		s.Add(name+", "+what, service.Send(t, http.MethodPost, harness.IssuePath, body,
			with(headers...)...))
	}
	issue("not JSON", s.Mark("a body that is no JSON"))
	issue("wrong fields", `{"install_id":"`+s.Mark("id too long")+strings.Repeat("x", 200)+
		`","app_version":["`+s.Mark("version")+`"],"`+s.Mark("a name")+`":1}`)
	issue("a name twice", `{"`+s.Mark("a name twice")+`":1,"`+s.Forbidden["a name twice"]+
		`":2,"install_id":"`+s.Mark("id beside it")+`"}`)
	issue("another media type", "x", harness.Header{"Content-Type", "text/" + s.Mark("media type")})
	issue("too large", s.Mark("too large")+strings.Repeat("x", 20_000))
	for _, path := range []string{"/", "/v1/", "/v1/sessions/current/", "/v1/health?",
		"/v1/sessions/anonymous?"} {
		for _, method := range []string{"GET", "DELETE",
			strings.ToUpper(s.Mark("method " + path))} {
			s.Forbidden["method "+path] = strings.ToUpper(s.Forbidden["method "+path])
			answer := service.Send(t, method, path+s.Mark("path "+method+path), "", with()...)
			if answer.Status != http.StatusOK {
				s.Add(name+", "+method+" "+path, answer)
			}
		}
	}
	// Requests that the HTTP parser refuses, and requests that break off.
	for what, text := range map[string]string{
		"a bad header": harness.RawRequest("GET", "/", "", "X: "+s.Mark("a bad header")+"\x01"),
		"a bad target": harness.RawRequest("GET", "/%zz"+s.Mark("a bad target"), ""),
		"a bad host":   "GET / HTTP/1.1\r\nHost: " + s.Mark("a bad host") + " x\r\n\r\n",
		"a bad length": harness.RawRequest("POST", "/", "",
			"Content-Length: "+s.Mark("a bad length")),
		"a bad encoding": harness.RawRequest("POST", "/", "",
			"Transfer-Encoding: "+s.Mark("a bad encoding")),
		"noise": s.Mark("noise") + "\r\n\r\n",
		"too much": harness.RawRequest("GET", "/", "",
			"X: "+s.Mark("too much")+strings.Repeat("x", 40_000)),
		"expectations": harness.RawRequest("POST", "/", "", "Expect: "+s.Mark("expectations"),
			"Content-Length: 1"),
		"a bad chunk": harness.RawRequest("POST", harness.IssuePath, "",
			"Transfer-Encoding: chunked") +
			s.Mark("a bad chunk") + "\r\n",
	} {
		s.Add(name+", "+what, service.Exchange(t, http.MethodPost, text))
	}
	service.Clock.Advance(10 * time.Minute)
	for n, token := range tokens {
		expired := service.Current(t, with(harness.Bearer(token))...)
		assert.Equal(t, "expired_token", expired.Code())
		s.Add(fmt.Sprintf("%s, expired %d", name, n), expired)
	}
	s.Places["metrics: "+name] = service.Operations(t, http.MethodGet, "/metrics").Body
	s.Add(name+", readiness", service.Operations(t, http.MethodGet,
		"/readyz?"+s.Mark("query of operations")))
	service.Stop(t)
	s.Places["log: "+name] = service.Log.Text()
	require.NotEmpty(t, service.Log.Of("http_request"), "the log level must be the most verbose")
	require.Empty(t, service.Log.Of("log_lines_left_out"))
}
