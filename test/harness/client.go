package harness

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/contract"
)

// Service is a service that was started: where it is reached, and what it logs.
type Service struct {
	*Client
	Log *Log
}

func newService(t testing.TB) Service {
	s := Service{Client: &Client{}, Log: NewLog()}
	s.open(t, &net.Dialer{})
	return s
}

// listening takes the real addresses from the line that says that the service serves.
func (s *Service) listening(started Line) {
	s.Public, s.Ops = started.String("public"), started.String("operations")
}

// Client asks a service as one peer. It is safe for concurrent use.
type Client struct {
	// Public and Ops are the addresses of the listeners, as host and port.
	Public, Ops string
	dialer      *net.Dialer
	scheme      string
	http, ops   *http.Client
	judge       func(contract.Request, Response)
	// behind tells that a proxy stands before the service, whose answers are not the service's
	// alone.
	behind bool
}

// Header is a header's name and value, as a request carries it.
type Header [2]string

// Bearer is the header with a token.
func Bearer(token string) Header { return Header{"Authorization", "Bearer " + token} }

// ForwardedFor is the header by which a proxy tells a client's address.
func ForwardedFor(address string) Header { return Header{"X-Forwarded-For", address} }

// Response is an answer that was read whole.
type Response struct {
	Status int
	Header http.Header
	Body   string
	// Close tells that the server closes the connection after it.
	Close bool
	// HTTP2 tells that it came over HTTP/2.
	HTTP2 bool
}

// Code is the code of an error, empty for an answer that is none.
func (r Response) Code() string { return r.Header.Get("X-Error-Code") }

// Decode reads the body as JSON into value.
func (r Response) Decode(t testing.TB, value any) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(r.Body), value), "%s", r.Body)
}

// Session is the answer to a request to issue.
type Session struct {
	Token        string `json:"session_token"`
	ExpiresAt    string `json:"expires_at"`
	ExpiresIn    int    `json:"expires_in"`
	RefreshAfter int    `json:"refresh_after"`
}

// Session reads the answer to a request to issue, which must have been granted.
func (r Response) Session(t testing.TB) Session {
	t.Helper()
	require.Equal(t, http.StatusOK, r.Status, "%s", r.Body)
	var session Session
	r.Decode(t, &session)
	return session
}

// As is a client whose connections come from another address of this machine, such as 127.0.0.2.
func (c *Client) As(t testing.TB, address string) *Client {
	t.Helper()
	peer := net.ParseIP(address)
	require.NotNil(t, peer, "%s", address)
	other := &Client{Public: c.Public, Ops: c.Ops, behind: c.behind}
	other.open(t, &net.Dialer{LocalAddr: &net.TCPAddr{IP: peer}})
	return other
}

// open makes the client's connections, which close with the test.
func (c *Client) open(t testing.TB, dialer *net.Dialer) {
	c.dialer = dialer
	c.scheme = "http"
	c.use(t, &http.Transport{DialContext: dialer.DialContext, DisableCompression: true,
		MaxIdleConnsPerHost: 256})
	c.ops = c.http
}

// Over is a client who speaks those protocols, over TLS where trust is not nil.
func (c *Client) Over(t testing.TB, trust *tls.Config, protocols func(*http.Protocols)) *Client {
	t.Helper()
	other := &Client{Public: c.Public, Ops: c.Ops, scheme: "http", ops: c.ops}
	if trust != nil {
		other.scheme = "https"
	}
	transport := &http.Transport{TLSClientConfig: trust.Clone(), Protocols: &http.Protocols{},
		DisableCompression: true, MaxIdleConnsPerHost: 256}
	protocols(transport.Protocols)
	other.use(t, transport)
	return other
}

// use has the client connect by transport.
func (c *Client) use(t testing.TB, transport *http.Transport) {
	c.judge = func(contract.Request, Response) {}
	if !c.behind {
		c.judge = judge(t)
	}
	c.http = &http.Client{
		Transport: transport,
		Timeout:   Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
}

// Close closes the connections that nothing is asked on.
func (c *Client) Close() { c.hangUp() }

// hangUp closes the connections that nothing is asked on, for a service waits a while whether
// something comes.
func (c *Client) hangUp() { c.http.CloseIdleConnections() }

// Try sends a request to the public listener. It fails where no whole answer came; an answer that
// is not as the API's description has it fails the test. It may be called from any goroutine.
func (c *Client) Try(method, path, body string, headers ...Header) (Response, error) {
	answer, err := try(c.http, c.scheme+"://"+c.Public, method, path, body, headers)
	if err == nil {
		header := http.Header{}
		for _, h := range headers {
			header.Add(h[0], h[1])
		}
		c.judge(contract.Request{Method: method, Target: path, Header: header, Body: body}, answer)
	}
	return answer, err
}

func try(client *http.Client, base, method, path, body string, headers []Header) (Response, error) {
	request, err := http.NewRequest(method, base+path, strings.NewReader(body))
	if err != nil {
		return Response{}, err
	}
	for _, header := range headers {
		request.Header.Add(header[0], header[1])
	}
	answer, err := client.Do(request)
	if err != nil {
		return Response{}, err
	}
	return read(answer)
}

// read reads an answer whole.
func read(answer *http.Response) (Response, error) {
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	return Response{Status: answer.StatusCode, Header: answer.Header, Body: string(body),
		Close: answer.Close, HTTP2: answer.ProtoMajor == 2}, err
}

// Send sends a request to the public listener and returns the answer.
func (c *Client) Send(t testing.TB, method, path, body string, headers ...Header) Response {
	t.Helper()
	answer, err := c.Try(method, path, body, headers...)
	require.NoError(t, err)
	return answer
}

// IssuePath is where sessions are issued.
const IssuePath = "/v1/sessions/anonymous"

// IssueBody is a sound request of an installation.
func IssueBody(installID string) string {
	id, err := json.Marshal(installID)
	if err != nil {
		panic(err) // a string has nothing that could fail
	}
	return `{"install_id":` + string(id) + `,"app_version":"1.0","platform":"ios"}`
}

// Issue asks for a session.
func (c *Client) Issue(t testing.TB, installID string, headers ...Header) Response {
	t.Helper()
	headers = append([]Header{{"Content-Type", "application/json"}}, headers...)
	return c.Send(t, http.MethodPost, IssuePath, IssueBody(installID), headers...)
}

// Token asks for a session, which must be granted, and returns its token.
func (c *Client) Token(t testing.TB, installID string, headers ...Header) string {
	t.Helper()
	return c.Issue(t, installID, headers...).Session(t).Token
}

// Current asks for the session that headers carry.
func (c *Client) Current(t testing.TB, headers ...Header) Response {
	t.Helper()
	return c.Send(t, http.MethodGet, "/v1/sessions/current", "", headers...)
}

// Operations asks the operations listener.
func (c *Client) Operations(t testing.TB, method, path string, headers ...Header) Response {
	t.Helper()
	answer, err := c.TryOperations(method, path, headers...)
	require.NoError(t, err)
	return answer
}

// TryOperations asks the operations listener. It fails where no whole answer came. It may be called
// from any goroutine.
func (c *Client) TryOperations(method, path string, headers ...Header) (Response, error) {
	return try(c.ops, "http://"+c.Ops, method, path, "", headers)
}

// Metric is the value of one series, written as Prometheus writes it, and must be there.
func (c *Client) Metric(t testing.TB, series string) float64 {
	t.Helper()
	for line := range strings.Lines(c.Operations(t, http.MethodGet, "/metrics").Body) {
		if text, found := strings.CutPrefix(strings.TrimSpace(line), series+" "); found {
			value, err := strconv.ParseFloat(text, 64)
			require.NoError(t, err)
			return value
		}
	}
	require.Fail(t, "no such series", "%s", series)
	return 0
}

// RequireHealthy fails unless the service serves as if nothing had happened.
func (c *Client) RequireHealthy(t testing.TB) {
	t.Helper()
	require.Equal(t, http.StatusOK, c.Operations(t, http.MethodGet, "/readyz").Status)
	require.Equal(t, http.StatusOK, c.Send(t, http.MethodGet, "/v1/health", "").Status)
	require.Equal(t, "unauthorized", c.Current(t).Code())
}

// At is a client of a proxy that stands before the service: Public is the proxy's address.
func (c *Client) At(t testing.TB, public string) *Client {
	t.Helper()
	other := &Client{Public: public, Ops: c.Ops, behind: true}
	other.open(t, &net.Dialer{})
	return other
}
