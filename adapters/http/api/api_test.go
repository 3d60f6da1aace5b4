package api_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/http/api"
	"github.com/offload/sessiond/adapters/http/server"
	"github.com/offload/sessiond/domain/clientaddr"
	"github.com/offload/sessiond/domain/proof"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/ports/portsfake"
	"github.com/offload/sessiond/ports/portsmock"
)

var noon = time.Date(2026, 2, 16, 12, 0, 0, 0, time.UTC)

const (
	issuePath = "/v1/sessions/anonymous"
	goodBody  = `{"install_id":"install-12345","app_version":"1.0","platform":"ios"}`
)

// testAPI is the API over mocks of the use cases.
type testAPI struct {
	issuance       *portsmock.IssuanceMock
	authentication *portsmock.AuthenticationMock
	publication    *portsmock.PublicationMock
	api            *api.API
}

func newTestAPI() *testAPI {
	d := &testAPI{
		issuance: &portsmock.IssuanceMock{IssueFunc: func(_ context.Context,
			wanted ports.IssueRequest) (ports.Issued, error) {
			return issuedTo(wanted.Session.InstallID()), nil
		}},
		authentication: &portsmock.AuthenticationMock{AuthenticateFunc: func(context.Context,
			ports.Credentials) (session.Claims, error) {
			return claimsOf(mustInstallID("install-12345")), nil
		}},
		publication: &portsmock.PublicationMock{PublicSetFunc: func() string { return publicSet }},
	}
	d.api = &api.API{
		Issuance: d.issuance, Authentication: d.authentication, Publication: d.publication,
		Events:  &portsfake.Events{},
		Header:  clientaddr.XForwardedForHeader,
		Version: "1.2.3", Environment: "test",
		PublicOrigins: originsOf("https://app.example.com", discoveryIssuer),
		Issuer:        discoveryIssuer,
	}
	return d
}

func originsOf(texts ...string) []proof.Origin {
	var origins []proof.Origin
	for _, text := range texts {
		origin, ok := proof.ParseOrigin(text)
		if !ok {
			panic(text)
		}
		origins = append(origins, origin)
	}
	return origins
}

func mustInstallID(text string) session.InstallID {
	id, violated := session.ParseInstallID(text)
	if violated != session.RuleNone {
		panic(violated)
	}
	return id
}

func claimsOf(id session.InstallID) session.Claims {
	settings := session.Settings{Issuer: "issuer", Audience: "audience", Lifetime: 2 * time.Minute}
	return settings.Claims(id, "kid", noon)
}

func issuedTo(id session.InstallID) ports.Issued {
	return ports.Issued{
		Token: "token", Claims: claimsOf(id), ExpiresIn: 2 * time.Minute,
		RefreshAfter: 97 * time.Second,
		Decision: throttle.Decide(
			throttle.Check{Dimension: throttle.ByAddress, Limit: 8,
				Window: time.Minute}.State(&throttle.Grants{}, 0),
			throttle.Check{Dimension: throttle.ByInstall, Limit: 4,
				Window: time.Minute}.State(&throttle.Grants{}, 0)),
	}
}

// silence is a server.Traffic that discards everything.
type silence struct{}

func (silence) Began()                                      {}
func (silence) Answered(string, string, int, time.Duration) {}

// do returns the response of the API to r.
func (d *testAPI) do(r *http.Request) *http.Response {
	response := httptest.NewRecorder()
	server.NewRouter(d.api.Routes(), portsfake.NewClock(noon), silence{},
		slog.New(slog.DiscardHandler)).ServeHTTP(response, r)
	return response.Result()
}

func post(body string, headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, issuePath, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Request-ID", "request-1")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func get(path string, headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("X-Request-ID", "request-1")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func text(t *testing.T, response *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(body)
}

func TestIssue(t *testing.T) {
	d := newTestAPI()
	response := d.do(post(goodBody, "Authorization", "Bearer a", "Authorization", "Bearer b"))
	assert.Equal(t, 200, response.StatusCode)
	assert.Equal(t,
		`{"session_token":"token","expires_at":"2026-02-16T12:02:00Z","expires_in":120,"refresh_after":97}`, text(t, response))
	assert.Equal(t, http.Header{
		"Content-Type":     {"application/json"},
		"Cache-Control":    {"no-store"},
		"X-Request-Id":     {"request-1"},
		"RateLimit-Policy": {`"ip";q=8;w=60, "install_id";q=4;w=60`},
		"RateLimit":        {`"ip";r=7;t=60, "install_id";r=3;t=60`},
	}, response.Header)
	given := d.issuance.IssueCalls()[0].Request
	assert.Equal(t, "install-12345", given.Session.InstallID().Text())
	assert.Equal(t, ports.Credentials{Authorization: []string{"Bearer a", "Bearer b"}},
		given.Credentials)
	assert.Equal(t, netip.MustParseAddr("192.0.2.1"), given.Client)
	assert.Equal(t, ports.Origin{RequestID: "request-1", Route: issuePath},
		ports.OriginOf(d.issuance.IssueCalls()[0].Ctx))
}

func TestNoRateLimitHeadersWithoutDecision(t *testing.T) {
	d := newTestAPI()
	d.issuance.IssueFunc = func(_ context.Context, wanted ports.IssueRequest) (ports.Issued, error) {
		issued := issuedTo(wanted.Session.InstallID())
		issued.Decision = throttle.Decision{}
		return issued, nil
	}
	response := d.do(post(goodBody))
	assert.Equal(t, 200, response.StatusCode)
	assert.NotContains(t, response.Header, "RateLimit")
	assert.NotContains(t, response.Header, "RateLimit-Policy")
}

func TestRefusalIs429(t *testing.T) {
	d := newTestAPI()
	full := throttle.Grants{{0, 1, 2, 3}}
	decision := throttle.Decide(
		throttle.Check{Dimension: throttle.ByAddress, Limit: 8,
			Window: time.Minute}.State(&throttle.Grants{}, 3),
		throttle.Check{Dimension: throttle.ByInstall, Limit: 4, Window: time.Minute}.State(&full,
			3))
	refusal, refused := decision.Refusal()
	require.True(t, refused)
	d.issuance.IssueFunc = func(context.Context, ports.IssueRequest) (ports.Issued, error) {
		return ports.Issued{}, refusal
	}
	response := d.do(post(goodBody))
	assert.Equal(t, 429, response.StatusCode)
	assert.Equal(t, `{"error":{"code":"session_rate_limited","message":"Too many session requests; retry later",`+
		`"request_id":"request-1"}}`, text(t, response))
	assert.Equal(t, http.Header{
		"Content-Type":     {"application/json"},
		"Cache-Control":    {"no-store"},
		"X-Request-Id":     {"request-1"},
		"X-Error-Code":     {"session_rate_limited"},
		"Retry-After":      {"60"},
		"RateLimit-Policy": {`"ip";q=8;w=60, "install_id";q=4;w=60`},
		"RateLimit":        {`"ip";r=8, "install_id";r=0;t=60`},
	}, response.Header)
}

func TestErrorsShowOnlyTheirKind(t *testing.T) {
	for _, c := range []struct {
		name       string
		err        error
		status     int
		code       string
		retryAfter string
	}{
		{"no key", &ports.Unavailable{RetryAfter: 6500 * time.Millisecond,
			Cause: errors.New("hunter2")}, 503, "service_unavailable", "7"},
		{"internal error", errors.New("hunter2"), 500, "internal_error", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newTestAPI()
			d.issuance.IssueFunc = func(context.Context, ports.IssueRequest) (ports.Issued, error) {
				return ports.Issued{}, c.err
			}
			response := d.do(post(goodBody))
			assert.Equal(t, c.status, response.StatusCode)
			assert.Equal(t, c.code, response.Header.Get("X-Error-Code"))
			assert.Equal(t, c.retryAfter, response.Header.Get("Retry-After"))
			assert.NotContains(t, text(t, response), "hunter2")
		})
	}
}

func TestPanicIs500(t *testing.T) {
	d := newTestAPI()
	d.issuance.IssueFunc = func(context.Context, ports.IssueRequest) (ports.Issued, error) {
		panic("hunter2")
	}
	response := d.do(post(goodBody))
	assert.Equal(t, 500, response.StatusCode)
	assert.Equal(t, `{"error":{"code":"internal_error","message":"Internal server error","request_id":"request-1"}}`, text(t, response))
}

func TestValidation(t *testing.T) {
	thirtyThree := strings.Repeat("x", 33)
	for _, c := range []struct{ name, body, details string }{
		{"nothing", ``, `body json`},
		{"not JSON", `{"install_id":`, `body json`},
		{"more than one value", goodBody + `{}`, `body json`},
		{"bad UTF-8", strings.Replace(goodBody, "ios", "\xff", 1), `body json`},
		{"a lone surrogate", strings.Replace(goodBody, "ios", `\ud800`, 1), `body json`},
		{"a byte order mark", "\ufeff" + goodBody, `body json`},
		{"a list", `[]`, `body type`},
		{"a string", `"install_id"`, `body type`},
		{"an empty object", `{}`, `install_id required, app_version required, platform required`},
		{"names in different case",
			`{"Install_id":"install-12345","app_version":"1","platform":"ios"}`,
			`install_id required`},
		{"null", `{"install_id":null,"app_version":1,"platform":["ios"]}`,
			`install_id type, app_version type, platform type`},
		{"too short", `{"install_id":"1234567","app_version":"","platform":"ios"}`,
			`install_id length, app_version length`},
		{"too long", `{"install_id":"` + strings.Repeat("x", 129) + `","app_version":"` +
			thirtyThree + `","platform":"` + thirtyThree + `"}`,
			`install_id length, app_version length, platform length`},
		{"code points, not bytes", `{"install_id":"` + strings.Repeat("😀", 128) +
			`","app_version":"` + strings.Repeat("é", 32) + `","platform":"ios"}`, ``},
		{"control characters",
			`{"install_id":"install\n12345","app_version":"1.0","platform":"ios"}`,
			`install_id characters`},
		{"blank", `{"install_id":"        ","app_version":" ","platform":"\u3000"}`,
			`install_id blank, app_version blank, platform blank`},
		{"a known name twice",
			`{"install_id":"install-12345","install_id":"install-12345","app_version":"1","platform":"ios"}`, `install_id duplicate`},
		{"a known name twice, once by an escape",
			`{"install_id":"install-12345","install_i\u0064":"x","app_version":"1","platform":""}`,
			`install_id duplicate, platform length`},
		{"another name twice",
			`{"install_id":"install-12345","app_version":"1","platform":"ios","x":1,"x":2}`,
			`body duplicate`},
		{"nested name twice",
			`{"install_id":"install-12345","app_version":"1","platform":"ios","x":[{"y":1,"y":2}]}`,
			`body duplicate`},
		{"both", `{"install_id":1,"install_id":2,"app_version":"1","platform":"ios","x":[{"y":1,"y":2}]}`, `install_id duplicate, body duplicate`},
		{"other names",
			`{"x":{"install_id":1},"install_id":"install-12345","app_version":"1","platform":"ios"}`, ``},
		{"white space around", " \n" + goodBody + "\t\r\n", ``},
		{"deep", `{"x":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, `body json`},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newTestAPI()
			response := d.do(post(c.body))
			if c.details == "" {
				assert.Equal(t, 200, response.StatusCode)
				return
			}
			var details []string
			for violation := range strings.SplitSeq(c.details, ", ") {
				field, rule, _ := strings.Cut(violation, " ")
				bounds := ""
				switch {
				case rule != "length":
				case field == "install_id":
					bounds = `,"min":8,"max":128`
				default:
					bounds = `,"min":1,"max":32`
				}
				details = append(details, `{"field":"`+field+`","rule":"`+rule+`"`+bounds+`}`)
			}
			assert.Equal(t, 422, response.StatusCode)
			assert.Equal(t,
				`{"error":{"code":"validation_error","message":"Request validation failed","request_id":"request-1",`+
					`"details":[`+strings.Join(details, ",")+`]}}`, text(t, response))
			assert.Empty(t, d.issuance.IssueCalls(), "the use case is not called")
		})
	}
}

func TestMediaTypes(t *testing.T) {
	for value, status := range map[string]int{
		"application/json": 200, "Application/JSON": 200, "application/json; charset=utf-8": 200,
		`application/json;charset="UTF-8"`: 200, "": 200, " ": 200,
		"application/json; charset=latin1": 415, "text/json": 415, "application/jsonp": 415,
		"application/json; charset":         415,
		"application/x-www-form-urlencoded": 415, "application/vnd.api+json": 415, "json": 415,
		";": 415,
	} {
		t.Run(value, func(t *testing.T) {
			r := post(goodBody)
			r.Header["Content-Type"] = []string{value}
			assert.Equal(t, status, newTestAPI().do(r).StatusCode)
		})
	}
	t.Run("none", func(t *testing.T) {
		r := post(goodBody)
		r.Header.Del("Content-Type")
		assert.Equal(t, 200, newTestAPI().do(r).StatusCode)
	})
	t.Run("two", func(t *testing.T) {
		assert.Equal(t, 415, newTestAPI().do(post(goodBody, "Content-Type", "text/plain")).StatusCode)
	})
}

func TestSizes(t *testing.T) {
	padded := func(size int) string { return goodBody + strings.Repeat(" ", size-len(goodBody)) }
	for _, c := range []struct {
		name   string
		size   int
		length int64
		status int
	}{
		{"maximum size", 16 << 10, 16 << 10, 200},
		{"maximum size, no length", 16 << 10, -1, 200},
		{"one byte more", 16<<10 + 1, 16<<10 + 1, 413},
		{"one byte more, no length", 16<<10 + 1, -1, 413},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := post(padded(c.size))
			r.ContentLength = c.length
			response := newTestAPI().do(r)
			assert.Equal(t, c.status, response.StatusCode)
			assert.Equal(t, c.status == 413, response.Header.Get("Connection") == "close",
				"an unread body is not waited for")
		})
	}
	t.Run("media type is checked first", func(t *testing.T) {
		r := post(padded(16<<10 + 1))
		r.Header.Set("Content-Type", "text/plain")
		assert.Equal(t, 415, newTestAPI().do(r).StatusCode)
	})
	t.Run("truncated body", func(t *testing.T) {
		r := post("")
		r.Body = io.NopCloser(io.MultiReader(strings.NewReader(goodBody), brokenReader{}))
		r.ContentLength = 500
		response := newTestAPI().do(r)
		assert.Equal(t, 422, response.StatusCode)
		assert.Equal(t, "close", response.Header.Get("Connection"))
	})
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestHealth(t *testing.T) {
	response := newTestAPI().do(get("/v1/health"))
	assert.Equal(t, 200, response.StatusCode)
	assert.Equal(t, `{"status":"ok","service":"offload-backend-api","version":"1.2.3","environment":"test"}`, text(t, response))
}

func FuzzBody(f *testing.F) {
	for _, seed := range []string{goodBody, `{}`, `[]`, ``, `{"install_id":null}`, `{"a":1,"a":1}`,
		"\xff", strings.Repeat("[", 100)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		d := newTestAPI()
		response := d.do(post(body))
		switch response.StatusCode {
		case 200:
			id := d.issuance.IssueCalls()[0].Request.Session.InstallID()
			_, violated := session.ParseInstallID(id.Text())
			assert.Equal(t, session.RuleNone, violated)
		case 413:
			assert.Greater(t, len(body), 16<<10)
		case 422:
			assert.Contains(t, text(t, response), `"details":[{"field":`)
		default:
			t.Fatalf("status %d", response.StatusCode)
		}
	})
}
