package sessionclient_test

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/sessionclient"
	"github.com/offload/sessiond/domain/proof"
	"github.com/offload/sessiond/domain/session"
)

// nonceIs accepts one nonce.
type nonceIs string

// Accepts implements proof.Acceptor.
func (n nonceIs) Accepts(nonce string, _ time.Time) bool { return nonce == string(n) }

// assertProof fails unless a key makes a proof that the rules of the service accept. It returns the
// thumbprint of the key.
func assertProof(t testing.TB, signer crypto.Signer, method, uri, token, nonce string) string {
	t.Helper()
	now := time.Now()
	text, err := sessionclient.Prove(signer, method, uri, token, nonce, now)
	require.NoError(t, err)
	parsed, err := proof.Parse([]string{text})
	require.NoError(t, err)
	id, violated := session.ParseInstallID(parsed.Key().Text())
	require.Equal(t, session.RuleNone, violated)
	presented := proof.Presented{Proofs: []string{text}, Target: proof.NewTarget(method, uri),
		Token: token, Nonces: nonceIs(nonce), Now: now}
	if nonce != "" {
		presented.Now = now.Add(24 * time.Hour) // the nonce takes the place of the time
	}
	_, bound, err := presented.Issue(id, session.BindingRequire)
	require.NoError(t, err)
	assert.True(t, bound)
	if token != "" {
		require.NoError(t, presented.Access(true, id))
		presented.Token += "x"
		assert.Error(t, presented.Access(true, id), "the proof is for one token")
	}
	return parsed.Key().Text()
}

func TestProofsAreAcceptedByTheRulesOfTheService(t *testing.T) {
	t.Parallel()
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	for _, signer := range []crypto.Signer{newP256(t), ed} {
		first := assertProof(t, signer, "GET", "https://a.example/b", "", "")
		for range 20 { // both values of s, and numbers with leading zeros
			assert.Equal(t, first,
				assertProof(t, signer, "POST", "https://a.example/b", "a.b", `n"<&>~`))
		}
	}
}

func TestEachProofIsAnother(t *testing.T) {
	t.Parallel()
	signer, seen := newP256(t), map[string]bool{}
	for range 100 {
		text, err := sessionclient.Prove(signer, "GET", "https://a.example/", "", "", time.Now())
		require.NoError(t, err)
		parsed, err := proof.Parse([]string{text})
		require.NoError(t, err)
		seen[parsed.ReplaySubject()] = true
	}
	assert.Len(t, seen, 100)
}

func TestAProofNamesTheURIAsItIsSent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		url    string
		change func(*http.Request)
		want   string
	}{
		"query and fragment": {"https://a.example/b?c=d#e", nil, "https://a.example/b"},
		"no path":            {"https://a.example?c", nil, "https://a.example/"},
		"port":               {"http://127.0.0.1:8080/b", nil, "http://127.0.0.1:8080/b"},
		"empty port":         {"https://a.example:/b", nil, "https://a.example/b"},
		"an address":         {"https://[::1]:8443/b", nil, "https://[::1]:8443/b"},
		"escapes":            {"https://a.example/%7E%2f/%C3%BC//..", nil, "https://a.example/%7E%2f/%C3%BC//.."},
		"not escaped":        {"https://a.example/ü/ /\\", nil, "https://a.example/%C3%BC/%20/%5C"},
		"upper case":         {"HTTPS://A.example/B", nil, "https://A.example/B"},
		"not ASCII":          {"https://bücher.example:81/b", nil, "https://xn--bcher-kva.example:81/b"},
		"not ASCII, escaped": {"https://b%C3%BCcher.example/b", nil, "https://xn--bcher-kva.example/b"},
		"not ASCII, capitals": {"https://BÜCHER.example/b", nil,
			"https://xn--bcher-kva.example/b"},
		"a zone": {"https://[fe80::1%25eth0]:81/b", nil, "https://[fe80::1]:81/b"},
		"another Host, not ASCII": {"https://a.example/b", func(r *http.Request) {
			r.Host = "bücher.example"
		}, "https://xn--bcher-kva.example/b"},
		"another Host": {"https://a.example/b", func(r *http.Request) { r.Host = "b.example" },
			"https://b.example/b"},
		"no Host": {"https://a.example/b", func(r *http.Request) { r.Host = "" },
			"https://a.example/b"},
		"the absolute form": {"https://a.example/b", func(r *http.Request) {
			r.URL.Opaque = "//a.example/c?d"
		}, "https://a.example/c"},
	} {
		request, err := http.NewRequest("GET", c.url, nil)
		require.NoError(t, err, name)
		if c.change != nil {
			c.change(request)
		}
		assert.Equal(t, c.want, sessionclient.URIOf(request), name)
	}
}

// FuzzProofTarget has a server compare the proof for any URL with the request that it receives.
func FuzzProofTarget(f *testing.F) {
	for _, seed := range []string{"https://a.example", "https://a.example/b?c#d",
		"https://bücher.example/", "https://BÜCHER.example:443", "https://[fe80::1%25a]/",
		"http://[::1]:80/", "https://a.example/%2e%2e/a", "https://a.example/ü \\\"", "https://a.example//..//./x?%zz"} {
		f.Add(seed)
	}
	signer := newP256(f)
	f.Fuzz(func(t *testing.T, text string) {
		request, err := http.NewRequest("GET", text, nil)
		if err != nil || request.URL.Opaque != "" || request.URL.User != nil {
			return
		}
		base := url.URL{Scheme: request.URL.Scheme, Host: request.URL.Host}
		if _, err := sessionclient.New(sessionclient.Config{Sessions: base.String(),
			Key: sessionclient.NewMemoryKey(), AppVersion: "1", Platform: "test"}); err != nil {
			return // the request has no session
		}
		request.Host = sessionclient.SentHost(request)
		var line bytes.Buffer
		if err := request.Write(&line); err != nil {
			return
		}
		received, err := http.ReadRequest(bufio.NewReader(&line))
		if err != nil {
			return // a blank in the query is sent as it is, which a server refuses
		}
		sent := proof.Request{Method: "GET", URI: received.RequestURI, Host: received.Host,
			TLS: request.URL.Scheme == "https"}
		made, err := sessionclient.Prove(signer, "", sessionclient.URIOf(request), "a.b", "",
			time.Unix(1e9, 0))
		require.NoError(t, err)
		if len(made) > proof.MaxHeader {
			return
		}
		parsed, err := proof.Parse([]string{made})
		require.NoError(t, err)
		id, _ := session.ParseInstallID(parsed.Key().Text())
		assert.NoError(t, proof.Presented{Proofs: []string{made}, Target: sent.Target(nil),
			Token: "a.b", Now: time.Unix(1e9, 0)}.Access(true, id), "%s is sent as %s", text, received.RequestURI)
	})
}
