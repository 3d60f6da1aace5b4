package e2e_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/offload/sessiond/bootstrap"
	"github.com/offload/sessiond/test/harness"
)

// TestLeaksNoGoroutine is not parallel, so that every goroutine started while it runs is its own.
func TestLeaksNoGoroutine(t *testing.T) {
	others := goleak.IgnoreCurrent()
	service := harness.Serve(t, nil)
	for n := range 20 {
		service.Issue(t, "install-12345")
		service.Current(t)
		service.Operations(t, http.MethodGet, "/metrics")
		conn := service.Dial(t)
		conn.Say(t, request("POST", harness.IssuePath, "", "Content-Length: 100")+
			strings.Repeat("x", n))
		require.NoError(t, conn.Close())
	}
	service.Stop(t)
	goleak.VerifyNone(t, others)
}

// hunt searches everything that leaves a service, except successful responses, for text that came
// in.
type hunt struct {
	// quarry maps descriptions to the texts that must not be found.
	quarry map[string]string
	// places maps descriptions to the texts that are searched.
	places map[string]string
}

// add adds a complete response to the places.
func (h *hunt) add(name string, answer harness.Response) {
	var text strings.Builder
	for header, values := range answer.Header {
		fmt.Fprintf(&text, "%s: %s\n", header, strings.Join(values, "\n"))
	}
	h.places["answer: "+name] = text.String() + answer.Body
}

// found returns what was found, and where.
func (h *hunt) found() []string {
	var found []string
	for name, quarry := range h.quarry {
		for form, trace := range traces(quarry) {
			for place, text := range h.places {
				if strings.Contains(text, trace) {
					found = append(found, fmt.Sprintf("%s, %s, in %s", name, form, place))
				}
			}
		}
	}
	return found
}

// traces returns the forms in which a text could leak.
func traces(text string) map[string]string {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err) // marshaling a string cannot fail
	}
	forms := map[string]string{
		"as it is":          text,
		"trimmed":           strings.TrimSpace(text),
		"as JSON":           strings.Trim(string(quoted), `"`),
		"quoted":            strings.Trim(strconv.QuoteToASCII(text), `"`),
		"as a query":        url.QueryEscape(text),
		"as a path":         url.PathEscape(text),
		"in hex":            hex.EncodeToString([]byte(text)),
		"in upper-case hex": strings.ToUpper(hex.EncodeToString([]byte(text))),
		"percent-encoded":   percent(text),
	}
	for shift := range 3 {
		forms[fmt.Sprintf("in base64, by %d", shift)] = inBase64(base64.RawStdEncoding, text, shift)
		forms[fmt.Sprintf("in base64url, by %d", shift)] = inBase64(base64.RawURLEncoding, text,
			shift)
	}
	return forms
}

func percent(text string) string {
	var all strings.Builder
	for _, c := range []byte(text) {
		fmt.Fprintf(&all, "%%%02X", c)
	}
	return all.String()
}

// inBase64 returns the part of a base64 encoding that depends on text alone, when text is preceded
// by shift other bytes.
func inBase64(encoding *base64.Encoding, text string, shift int) string {
	encoded := encoding.EncodeToString([]byte(strings.Repeat("\x00", shift) + text))
	if (shift+len(text))%3 != 0 {
		encoded = encoded[:len(encoded)-1]
	}
	return encoded[(shift*8+5)/6:]
}

func TestLeaksHuntFindsEveryForm(t *testing.T) {
	t.Parallel()
	const id = "install-ключ/12345"
	for n, place := range []string{
		id, "x" + id + "x", url.QueryEscape(id), url.PathEscape("/" + id), percent("xy" + id),
		hex.EncodeToString([]byte("x" + id)),
		base64.StdEncoding.EncodeToString([]byte(id)),
		base64.URLEncoding.EncodeToString([]byte("x" + id)),
		base64.StdEncoding.EncodeToString([]byte(`{"x":"` + id + `"}`)),
		base64.StdEncoding.EncodeToString([]byte("{\"xy\":\"" + id)),
		strconv.QuoteToASCII(id),
	} {
		assert.NotEmpty(t, (&hunt{map[string]string{"id": id},
			map[string]string{"place": place}}).found(), "%d: %s", n, place)
	}
	assert.Empty(t, (&hunt{map[string]string{"id": id},
		map[string]string{"place": "install-ключ/12344"}}).found())
}

// mark returns a distinct text that must not be found.
func (h *hunt) mark(name string) string {
	mark := fmt.Sprintf("quarry%dQ%dZ", len(h.quarry), 7919*(len(h.quarry)+13))
	h.quarry[name] = mark
	return mark
}

// decoys returns headers that reveal as much as possible about a client.
func (h *hunt) decoys() []harness.Header {
	headers := []harness.Header{{"X-Request-ID", "not an id: " + h.mark("a bad request id")}}
	for _, name := range []string{
		"User-Agent", "Referer", "Cookie", "Origin", "Accept", "Accept-Language", "X-Real-Ip",
		"X-Forwarded-Host", "X-Session-Install-Id", "X-Api-Key",
		"Forwarded", "Traceparent", "Proxy-Authorization", "If-None-Match",
		"X-" + h.mark("a header's name"),
	} {
		headers = append(headers, harness.Header{name, h.mark("header " + name)})
	}
	return headers
}

// TestLeaksNothingThatCameIn searches logs, metrics and refusals for texts of the requests, over
// every route and refusal, at the most verbose log level.
func TestLeaksNothingThatCameIn(t *testing.T) {
	t.Parallel()
	h := &hunt{quarry: map[string]string{}, places: map[string]string{}}
	env := behindProxy(harness.Env{
		"OFFLOAD_LOG_LEVEL": "debug",
		"OFFLOAD_SESSION_SIGNING_KEYS": `{"v2-default":"` + strong + `","old":"` +
			stronger + `"}`,
		"OFFLOAD_LIMITER_DIGEST_KEY":              "uY5rTg8Hq2Wm6Zx9Ns3Ck7Bd1Vf4Jp0LaEoQiRtXy+c=",
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_INSTALL": "2",
		"OFFLOAD_SESSION_TTL_SECONDS":             "120",
	})
	h.quarry["the signing secret"], h.quarry["the verifying secret"] = strong, stronger
	h.quarry["the digest key"] = env["OFFLOAD_LIMITER_DIGEST_KEY"]

	serve := func(options ...bootstrap.Option) *harness.InProcess {
		return harness.Serve(t, env, options...)
	}
	for name, service := range map[string]*harness.InProcess{
		"sound": serve(), "out": serve(out()), "defective": serve(defective()),
		"keyless": serve(pendingUntil(t, harness.Noon.Add(time.Hour))),
	} {
		h.probe(t, name, service)
	}
	// The peer's own address, without a proxy.
	h.quarry["a peer's address"] = "127.0.0.77"
	direct := harness.Serve(t, harness.Env{"OFFLOAD_LOG_LEVEL": "debug",
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP": "1"})
	peer := direct.As(t, "127.0.0.77")
	id := h.mark("an install id of a peer")
	h.quarry["a peer's token"] = peer.Token(t, id)
	h.add("direct", peer.Issue(t, h.mark("another"),
		append(h.decoys(), harness.ForwardedFor("198.51.100.99"))...))
	h.quarry["an address forwarded by an untrusted peer"] = "198.51.100.99"
	h.places["metrics: direct"] = direct.Operations(t, http.MethodGet, "/metrics").Body
	direct.Stop(t)
	h.places["log: direct"] = direct.Log.Text()

	h.quarry["the text of a panic"] = panicText
	assert.Greater(t, len(h.places), 60)
	assert.Greater(t, len(h.quarry), 250)
	assert.Empty(t, h.found())
	// The log may say why the storage is out; a response must not.
	h.quarry = map[string]string{"the text of a driver": driverText}
	maps.DeleteFunc(h.places, func(place, _ string) bool {
		return strings.HasPrefix(place, "log: ")
	})
	assert.Empty(t, h.found())
}

// probe sends a service every request that it serves or refuses.
func (h *hunt) probe(t *testing.T, name string, service *harness.InProcess) {
	t.Helper()
	address := fmt.Sprintf("203.0.113.%d", 100+len(h.quarry)%100)
	h.quarry["an address: "+name] = address
	h.quarry["an address of IPv6: "+name] = "2001:db8:aff3:" + strconv.Itoa(1000+len(h.quarry)) +
		"::7"
	six := harness.ForwardedFor(h.quarry["an address of IPv6: "+name])
	four := harness.ForwardedFor(address)
	with := func(more ...harness.Header) []harness.Header { return append(h.decoys(), more...) }
	id := h.mark("install id: " + name)

	var tokens []string
	for _, from := range []harness.Header{four, six} {
		if answer := service.Issue(t, id, with(from)...); answer.Status == http.StatusOK {
			tokens = append(tokens, answer.Session(t).Token)
		} else {
			h.add(name+", issue", answer)
		}
	}
	for n, token := range tokens {
		payload, signature, _ := strings.Cut(token, ".")
		h.quarry[fmt.Sprintf("token %d: %s", n, name)] = token
		h.quarry[fmt.Sprintf("payload %d: %s", n, name)] = payload
		h.quarry[fmt.Sprintf("signature %d: %s", n, name)] = signature
		require.Equal(t, http.StatusOK, service.Current(t, with(harness.Bearer(token))...).Status)
		require.Equal(t, http.StatusOK, service.Send(t, "PUT",
			"/v1/sessions/verify/"+h.mark("path"), h.mark("body"),
			with(harness.Bearer(token))...).Status)
		h.add(name+", throttled by installation",
			service.Issue(t, id, with(four, harness.Bearer(token))...))
		h.add(name+", a token altered", service.Current(t,
			with(harness.Bearer(token[:len(token)-3]+"AAA"))...))
		h.add(name+", two tokens", service.Current(t,
			with(harness.Bearer(token), harness.Bearer(token))...))
		h.add(name+", a token and more", service.Current(t,
			with(harness.Bearer(token+" "+h.mark("behind the token")))...))
		h.add(name+", a token of another scheme",
			service.Current(t, with(harness.Header{"Authorization", "Token " + token})...))
	}
	for n := range 10 {
		if answer := service.Issue(t, h.mark("newcomer"),
			with(four)...); answer.Status != http.StatusOK {
			h.add(fmt.Sprintf("%s, newcomer %d", name, n), answer)
		}
	}
	h.add(name+", credentials", service.Current(t,
		with(harness.Header{"Authorization", "Basic " + h.mark("credentials")})...))
	h.add(name+", an unknown token", service.Current(t,
		with(harness.Bearer(h.mark("payload of an unknown token")+"."+
			h.mark("signature of an unknown token")))...))
	foreign := sign(`{"v":2,"kid":"`+h.mark("kid")+`","iss":"`+h.mark("iss")+`","aud":"`+
		h.mark("aud")+`","install_id":"`+h.mark("id in a foreign token")+`"}`, stronger)
	h.quarry["a foreign token: "+name] = foreign
	h.add(name+", a foreign token", service.Send(t, "GET", "/v1/sessions/verify", "",
		with(harness.Bearer(foreign))...))
	ours := sign(`{"v":2,"kid":"old","iss":"`+h.mark("iss of ours")+
		`","aud":"x","iat":1,"nbf":1,"exp":2,"install_id":"`+h.mark("id of ours")+`"}`, stronger)
	h.add(name+", another issuer", service.Current(t, with(harness.Bearer(ours))...))

	issue := func(what, body string, headers ...harness.Header) {
		h.add(name+", "+what, service.Send(t, http.MethodPost, harness.IssuePath, body,
			with(headers...)...))
	}
	issue("not JSON", h.mark("a body that is no JSON"))
	issue("wrong fields", `{"install_id":"`+h.mark("id too long")+strings.Repeat("x", 200)+
		`","app_version":["`+h.mark("version")+`"],"`+h.mark("a name")+`":1}`)
	issue("a name twice", `{"`+h.mark("a name twice")+`":1,"`+h.quarry["a name twice"]+
		`":2,"install_id":"`+h.mark("id beside it")+`"}`)
	issue("another media type", "x", harness.Header{"Content-Type", "text/" + h.mark("media type")})
	issue("too large", h.mark("too large")+strings.Repeat("x", 20_000))
	for _, path := range []string{"/", "/v1/", "/v1/sessions/current/", "/v1/health?",
		"/v1/sessions/anonymous?"} {
		for _, method := range []string{"GET", "DELETE",
			strings.ToUpper(h.mark("method " + path))} {
			h.quarry["method "+path] = strings.ToUpper(h.quarry["method "+path])
			answer := service.Send(t, method, path+h.mark("path "+method+path), "", with()...)
			if answer.Status != http.StatusOK {
				h.add(name+", "+method+" "+path, answer)
			}
		}
	}
	// Requests that the HTTP parser refuses, and requests that break off.
	for what, text := range map[string]string{
		"a bad header":   request("GET", "/", "", "X: "+h.mark("a bad header")+"\x01"),
		"a bad target":   request("GET", "/%zz"+h.mark("a bad target"), ""),
		"a bad host":     "GET / HTTP/1.1\r\nHost: " + h.mark("a bad host") + " x\r\n\r\n",
		"a bad length":   request("POST", "/", "", "Content-Length: "+h.mark("a bad length")),
		"a bad encoding": request("POST", "/", "", "Transfer-Encoding: "+h.mark("a bad encoding")),
		"noise":          h.mark("noise") + "\r\n\r\n",
		"too much": request("GET", "/", "",
			"X: "+h.mark("too much")+strings.Repeat("x", 40_000)),
		"expectations": request("POST", "/", "", "Expect: "+h.mark("expectations"),
			"Content-Length: 1"),
		"a bad chunk": request("POST", harness.IssuePath, "", "Transfer-Encoding: chunked") +
			h.mark("a bad chunk") + "\r\n",
	} {
		h.add(name+", "+what, service.Exchange(t, http.MethodPost, text))
	}
	service.Clock.Advance(10 * time.Minute)
	for n, token := range tokens {
		expired := service.Current(t, with(harness.Bearer(token))...)
		assert.Equal(t, "expired_token", expired.Code())
		h.add(fmt.Sprintf("%s, expired %d", name, n), expired)
	}
	h.places["metrics: "+name] = service.Operations(t, http.MethodGet, "/metrics").Body
	h.add(name+", readiness", service.Operations(t, http.MethodGet,
		"/readyz?"+h.mark("query of operations")))
	service.Stop(t)
	h.places["log: "+name] = service.Log.Text()
	require.NotEmpty(t, service.Log.Of("http_request"), "the log level must be the most verbose")
	require.Empty(t, service.Log.Of("log_lines_left_out"))
}
