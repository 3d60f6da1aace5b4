package sessionclient

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/offload/sessiond/adapters/http/envelope"
	"github.com/offload/sessiond/domain/token"
)

// ErrOrigin reports a URL that is not one of an origin of Config.Application.
var ErrOrigin = errors.New("sessionclient: the URL must be one of an origin of Application")

// Credentials returns the headers that a request with a method to a URL of the application needs,
// for protocols that RoundTripper does not speak: Authorization and, if the client has a Key, DPoP.
// The scheme of the URL may be ws or wss for the request that opens a WebSocket. A proof is good
// for one request, which must be sent soon: call Credentials for each one, and again before one is
// repeated.
//
// As with Token, a session that was stored by an earlier run is renewed first. The error is ErrURL,
// ErrOrigin, an *Error, or that of ctx.
func (c *Client) Credentials(ctx context.Context, method, target string) (http.Header, error) {
	parsed, err := url.Parse(target)
	if err != nil || parsed.Hostname() == "" || parsed.User != nil {
		return nil, ErrURL
	}
	if scheme, ok := map[string]string{"ws": "http", "wss": "https"}[parsed.Scheme]; ok {
		parsed.Scheme = scheme
	}
	if !c.origins[originOf(parsed)] {
		return nil, ErrOrigin
	}
	session, err := c.session(ctx, c.clock.now(), true)
	if err != nil {
		return nil, err
	}
	header := http.Header{}
	if err := c.authorize(header, session, method, uriOf(parsed, sentHost(parsed, "")), ""); err != nil {
		return nil, err
	}
	return header, nil
}

// pass is a session to send, and the key that it is bound to, or nil.
type pass struct {
	token  string
	device *device
}

// authorize sets the headers of a request with a session. nonce is what its proof is to name, or
// empty.
func (c *Client) authorize(header http.Header, p pass, method, uri, nonce string) error {
	scheme := token.SchemeBearer
	if p.device != nil {
		proof, err := p.device.prove(method, uri, p.token, nonce, c.time.now(c.clock))
		if err != nil {
			return err
		}
		header.Set(envelope.HeaderProof, proof)
		scheme = token.SchemeDPoP
	}
	if p.token != "" {
		header.Set(envelope.HeaderAuthorization, scheme.String()+" "+p.token)
	}
	return nil
}
