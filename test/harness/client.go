package harness

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/contract"
)

// Service is a running service: a client for it, and its log.
type Service struct {
	*Client
	Log *Log
}

func newService(t testing.TB) Service {
	s := Service{Client: &Client{}, Log: NewLog()}
	s.open(t, &net.Dialer{Timeout: Timeout})
	return s
}

// listening sets the addresses from the service_started line.
func (s *Service) listening(started Line) {
	s.Public, s.Ops = started.String("public"), started.String("operations")
}

// Client sends requests to a service from one peer address. It is safe for concurrent use.
type Client struct {
	// Public and Ops are the addresses of the listeners, as host and port.
	Public, Ops string
	dialer      *net.Dialer
	scheme      string
	http, ops   *http.Client
	conforms    func(contract.Request, Response)
	// behind reports whether the client reaches the service through a proxy. Responses may then be
	// the proxy's own, and are not checked against the API description.
	behind bool
}

// Header is the name and value of a request header.
type Header [2]string

// Bearer returns an Authorization header with the token.
func Bearer(token string) Header { return Header{"Authorization", "Bearer " + token} }

// ForwardedFor returns the header in which a proxy passes on the client's address.
func ForwardedFor(address string) Header { return Header{"X-Forwarded-For", address} }

// Response is a response whose body has been read in full.
type Response struct {
	Status int
	Header http.Header
	Body   string
	// Close reports whether the server closes the connection after the response.
	Close bool
	// HTTP2 reports whether the response came over HTTP/2.
	HTTP2 bool
}

// Code returns the error code, or an empty string if the response is not an error.
func (r Response) Code() string { return r.Header.Get("X-Error-Code") }

// Decode decodes the JSON body into value.
func (r Response) Decode(t testing.TB, value any) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(r.Body), value), "%s", r.Body)
}

// Session is the body of a successful issue response.
type Session struct {
	Token        string `json:"session_token"`
	ExpiresAt    string `json:"expires_at"`
	ExpiresIn    int    `json:"expires_in"`
	RefreshAfter int    `json:"refresh_after"`
}

// Session decodes an issue response, whose status must be 200.
func (r Response) Session(t testing.TB) Session {
	t.Helper()
	require.Equal(t, http.StatusOK, r.Status, "%s", r.Body)
	var session Session
	r.Decode(t, &session)
	return session
}

// From returns a client that connects from another local address, such as 127.0.0.2.
func (c *Client) From(t testing.TB, address string) *Client {
	t.Helper()
	peer := net.ParseIP(address)
	require.NotNil(t, peer, "%s", address)
	other := &Client{Public: c.Public, Ops: c.Ops, behind: c.behind}
	other.open(t, &net.Dialer{Timeout: Timeout, LocalAddr: &net.TCPAddr{IP: peer}})
	return other
}

// open creates the client's transport. Its connections are closed at the end of the test.
func (c *Client) open(t testing.TB, dialer *net.Dialer) {
	c.dialer = dialer
	c.scheme = "http"
	c.use(t, &http.Transport{DialContext: dialer.DialContext, DisableCompression: true,
		MaxIdleConnsPerHost: 256})
	c.ops = c.http
}

// Over returns a client that uses the given protocols, over TLS if trust is not nil.
func (c *Client) Over(t testing.TB, trust *tls.Config, protocols func(*http.Protocols)) *Client {
	t.Helper()
	other := &Client{Public: c.Public, Ops: c.Ops, scheme: "http", ops: c.ops, behind: c.behind}
	if trust != nil {
		other.scheme = "https"
	}
	transport := &http.Transport{TLSClientConfig: trust.Clone(), Protocols: &http.Protocols{},
		DisableCompression: true, MaxIdleConnsPerHost: 256}
	protocols(transport.Protocols)
	other.use(t, transport)
	return other
}

// use makes the client send its requests through transport.
func (c *Client) use(t testing.TB, transport *http.Transport) {
	c.conforms = func(contract.Request, Response) {}
	if !c.behind {
		c.conforms = conformance(t)
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

// Close closes idle connections. A service that stops would otherwise wait a while for a request on
// them.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Try sends a request to the public listener. It returns an error if no complete response was
// received; a response that violates the API description fails the test. It may be called from any
// goroutine.
func (c *Client) Try(method, path, body string, headers ...Header) (Response, error) {
	answer, err := try(c.http, c.scheme+"://"+c.Public, method, path, body, headers)
	if err == nil {
		header := http.Header{}
		for _, h := range headers {
			header.Add(h[0], h[1])
		}
		c.conforms(contract.Request{Method: method, Target: path, Header: header, Body: body},
			answer)
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

// read reads a response in full.
func read(answer *http.Response) (Response, error) {
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	return Response{Status: answer.StatusCode, Header: answer.Header, Body: string(body),
		Close: answer.Close, HTTP2: answer.ProtoMajor == 2}, err
}

// Send sends a request to the public listener and returns the response.
func (c *Client) Send(t testing.TB, method, path, body string, headers ...Header) Response {
	t.Helper()
	answer, err := c.Try(method, path, body, headers...)
	require.NoError(t, err)
	return answer
}

// IssuePath is the path that issues sessions.
const IssuePath = "/v1/sessions/anonymous"

// IssueBody returns a valid issue request body for an installation.
func IssueBody(installID string) string {
	id, err := json.Marshal(installID)
	if err != nil {
		panic(err) // marshaling a string cannot fail
	}
	return `{"install_id":` + string(id) + `,"app_version":"1.0","platform":"ios"}`
}

// Issue requests a session.
func (c *Client) Issue(t testing.TB, installID string, headers ...Header) Response {
	t.Helper()
	headers = append([]Header{{"Content-Type", "application/json"}}, headers...)
	return c.Send(t, http.MethodPost, IssuePath, IssueBody(installID), headers...)
}

// Token requests a session, which must be granted, and returns its token.
func (c *Client) Token(t testing.TB, installID string, headers ...Header) string {
	t.Helper()
	return c.Issue(t, installID, headers...).Session(t).Token
}

// Current requests the session of the token in headers.
func (c *Client) Current(t testing.TB, headers ...Header) Response {
	t.Helper()
	return c.Send(t, http.MethodGet, "/v1/sessions/current", "", headers...)
}

// Through returns a client of a proxy in front of the service: public is the proxy's address.
func (c *Client) Through(t testing.TB, public string) *Client {
	t.Helper()
	other := &Client{Public: public, Ops: c.Ops, behind: true}
	other.open(t, &net.Dialer{Timeout: Timeout})
	return other
}
