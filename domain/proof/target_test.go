package proof_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/domain/proof"
)

const verifyPath = "/v1/sessions/verify"

// judgedFor returns the reason for which a proof for a URI is rejected at a target.
func judgedFor(t *testing.T, target proof.Target, htm, htu string) proof.Reason {
	t.Helper()
	p := presented(ec.valid().claiming("htm", `"`+htm+`"`).claiming("htu", `"`+htu+`"`).text())
	p.Target = target
	return issued(t, p, ec.thumbprint())
}

// TestOwnTarget checks that a target has the public origins if there are any, and otherwise that of
// the request.
func TestOwnTarget(t *testing.T) {
	const path = "/v1/sessions/anonymous"
	public := origins(t, "https://a.example", "https://b.example:8443")
	clear := proof.Request{Method: "POST", URI: path + "?x=/..", Host: "internal:8080"}
	overTLS, trusted := clear, clear
	overTLS.TLS = true
	trusted.Trusted = true
	trusted.Forwarded = proof.Forwarded{Method: []string{"GET"}, URI: []string{"/x"},
		Proto: []string{"https"}, Host: []string{"A.example:443"}}
	stranger := trusted
	stranger.Trusted = false
	hostOnly, twice, odd := trusted, trusted, trusted
	hostOnly.Forwarded.Proto = nil
	twice.Forwarded.Proto = []string{"https", "https"}
	odd.Forwarded.Host = []string{"a.example, b.example"}
	for name, c := range map[string]struct {
		request proof.Request
		public  []proof.Origin
		htu     string
		want    proof.Reason
	}{
		"own":                          {clear, nil, "http://internal:8080" + path, ""},
		"own, another scheme":          {clear, nil, "https://internal:8080" + path, "htu"},
		"own, another host":            {clear, nil, "http://internal" + path, "htu"},
		"TLS":                          {overTLS, nil, "https://internal:8080" + path, ""},
		"TLS, another scheme":          {overTLS, nil, "http://internal:8080" + path, "htu"},
		"a proxy":                      {trusted, nil, "https://a.example" + path, ""},
		"a proxy, the hop":             {trusted, nil, "http://internal:8080" + path, "htu"},
		"a proxy, the path it says":    {trusted, nil, "https://a.example/x", "htu"},
		"a proxy, the host alone":      {hostOnly, nil, "http://a.example:443" + path, ""},
		"a proxy, the scheme twice":    {twice, nil, "https://a.example" + path, "htu"},
		"a proxy, two hosts":           {odd, nil, "https://a.example" + path, "htu"},
		"a stranger":                   {stranger, nil, "http://internal:8080" + path, ""},
		"a stranger, what it says":     {stranger, nil, "https://a.example" + path, "htu"},
		"public":                       {clear, public, "https://a.example" + path, ""},
		"public, the second":           {clear, public, "https://B.example:8443" + path, ""},
		"public, another port":         {clear, public, "https://b.example" + path, "htu"},
		"public, the hop":              {clear, public, "http://internal:8080" + path, "htu"},
		"public, another path":         {clear, public, "https://a.example/", "htu"},
		"public, a proxy's words":      {twice, public, "https://a.example" + path, ""},
		"public, a stranger's words":   {stranger, public, "https://a.example" + path, ""},
		"public, an origin of another": {clear, public, "https://c.example" + path, "htu"},
	} {
		t.Run(name, func(t *testing.T) {
			target := c.request.Target(c.public)
			assert.Equal(t, c.want, judgedFor(t, target, "POST", c.htu))
			if c.want == "" {
				assert.Equal(t, proof.ReasonMethod, judgedFor(t, target, "GET", c.htu))
			}
		})
	}
	clear.URI = "no/path"
	assert.Equal(t, proof.ReasonURI,
		judgedFor(t, clear.Target(public), "POST", "https://a.example/no/path"))
	clear.URI = "x/../no/path"
	assert.Equal(t, proof.ReasonURI,
		judgedFor(t, clear.Target(public), "POST", "https://a.example/no/path"))
	// Some servers take # for a part of the path, so it is another one than the proof is for.
	clear.URI = "/x#/../y"
	assert.Equal(t, proof.ReasonURI,
		judgedFor(t, clear.Target(public), "POST", "https://a.example/x"))
	clear.URI = "/x?y#z"
	assert.Empty(t, judgedFor(t, clear.Target(public), "POST", "https://a.example/x"))
	clear.URI, clear.Host = path, "a b"
	assert.Equal(t, proof.ReasonURI, judgedFor(t, clear.Target(nil), "POST", "http://a b"+path))
}

// TestOriginalTarget sends sub-requests as trusted proxies do, and as attackers would. Those named
// "forwarded" have the headers of X-Forwarded; those named "Envoy" have the path below verify.
func TestOriginalTarget(t *testing.T) {
	public := origins(t, "https://app.example")
	forwarded := func(change func(*proof.Request)) proof.Request {
		r := proof.Request{Method: "GET", URI: verifyPath, Host: "sessiond", Trusted: true,
			Forwarded: proof.Forwarded{Method: []string{"PUT"}, Proto: []string{"https"},
				Host: []string{"app.example"}, URI: []string{"/x?y=/../z"}}}
		change(&r)
		return r
	}
	envoy := func(change func(*proof.Request)) proof.Request {
		r := proof.Request{Method: "PUT", URI: verifyPath + "/x?y=/../z", Host: "app.example",
			Trusted: true, Forwarded: proof.Forwarded{Proto: []string{"https"}}}
		change(&r)
		return r
	}
	same := func(*proof.Request) {}
	for name, c := range map[string]struct {
		request proof.Request
		want    proof.Reason
	}{
		"forwarded":                 {forwarded(same), ""},
		"forwarded, a query itself": {forwarded(func(r *proof.Request) { r.URI += "?a" }), ""},
		"forwarded, with the port": {forwarded(func(r *proof.Request) {
			r.Forwarded.Host = []string{"App.example:443"}
		}), ""},
		"forwarded, no method": {forwarded(func(r *proof.Request) { r.Forwarded.Method = nil }), "forwarded"},
		"forwarded, no scheme": {forwarded(func(r *proof.Request) { r.Forwarded.Proto = nil }), "forwarded"},
		"forwarded, no host":   {forwarded(func(r *proof.Request) { r.Forwarded.Host = nil }), "forwarded"},
		"forwarded, no URI":    {forwarded(func(r *proof.Request) { r.Forwarded.URI = nil }), "forwarded"},
		"forwarded, nothing":   {forwarded(func(r *proof.Request) { r.Forwarded = proof.Forwarded{} }), "forwarded"},
		"forwarded, two methods": {forwarded(func(r *proof.Request) {
			r.Forwarded.Method = []string{"PUT", "PUT"}
		}), "forwarded"},
		"forwarded, two schemes": {forwarded(func(r *proof.Request) {
			r.Forwarded.Proto = []string{"https", "https"}
		}), "forwarded"},
		"forwarded, two hosts": {forwarded(func(r *proof.Request) {
			r.Forwarded.Host = []string{"app.example", "app.example"}
		}), "forwarded"},
		"forwarded, two URIs": {forwarded(func(r *proof.Request) {
			r.Forwarded.URI = []string{"/x", "/x"}
		}), "forwarded"},
		"forwarded, methods joined": {forwarded(func(r *proof.Request) {
			r.Forwarded.Method = []string{"PUT, PUT"}
		}), "forwarded"},
		"forwarded, an empty method": {forwarded(func(r *proof.Request) {
			r.Forwarded.Method = []string{""}
		}), "forwarded"},
		"forwarded, schemes joined": {forwarded(func(r *proof.Request) {
			r.Forwarded.Proto = []string{"https,https"}
		}), "forwarded"},
		"forwarded, no such scheme": {forwarded(func(r *proof.Request) {
			r.Forwarded.Proto = []string{"wss"}
		}), "forwarded"},
		"forwarded, a scheme that is an origin": {forwarded(func(r *proof.Request) {
			r.Forwarded.Proto = []string{"https://app.example?"}
		}), "forwarded"},
		"forwarded, hosts joined": {forwarded(func(r *proof.Request) {
			r.Forwarded.Host = []string{"app.example, app.example"}
		}), "forwarded"},
		"forwarded, a host with a path": {forwarded(func(r *proof.Request) {
			r.Forwarded.Host = []string{"app.example/x"}
		}), "forwarded"},
		"forwarded, a host with a user": {forwarded(func(r *proof.Request) {
			r.Forwarded.Host = []string{"u@app.example"}
		}), "forwarded"},
		"forwarded, an absolute URI": {forwarded(func(r *proof.Request) {
			r.Forwarded.URI = []string{"https://app.example/x"}
		}), "forwarded"},
		"forwarded, an empty URI": {forwarded(func(r *proof.Request) {
			r.Forwarded.URI = []string{""}
		}), "forwarded"},
		"forwarded, another method": {forwarded(func(r *proof.Request) {
			r.Forwarded.Method = []string{"put"}
		}), "htm"},
		"forwarded, another scheme": {forwarded(func(r *proof.Request) {
			r.Forwarded.Proto = []string{"http"}
		}), "htu or forwarded"},
		"forwarded, another host": {forwarded(func(r *proof.Request) {
			r.Forwarded.Host = []string{"other.example"}
		}), "htu or forwarded"},
		"forwarded, another path": {forwarded(func(r *proof.Request) {
			r.Forwarded.URI = []string{"/x/"}
		}), "htu"},
		"forwarded, a path that no URI has": {forwarded(func(r *proof.Request) {
			r.Forwarded.URI = []string{"/x\\y"}
		}), "htu"},
		"forwarded, a path with a fragment": {forwarded(func(r *proof.Request) {
			r.Forwarded.URI = []string{"/x#/../y"}
		}), "htu"},
		"forwarded by a stranger": {forwarded(func(r *proof.Request) { r.Trusted = false }), "htm"},
		"forwarded elsewhere": {forwarded(func(r *proof.Request) {
			r.URI = verifyPath + "er"
		}), "htm"},

		"Envoy": {envoy(same), ""},
		"Envoy, a host forwarded": {envoy(func(r *proof.Request) {
			r.Forwarded.Host = []string{"other.example", "another.example"}
		}), ""},
		"Envoy, no scheme": {envoy(func(r *proof.Request) { r.Forwarded.Proto = nil }), "forwarded"},
		"Envoy, two schemes": {envoy(func(r *proof.Request) {
			r.Forwarded.Proto = []string{"https", "http"}
		}), "forwarded"},
		"Envoy, a method forwarded": {envoy(func(r *proof.Request) {
			r.Forwarded.Method = []string{"PUT"}
		}), "forwarded"},
		"Envoy, a URI forwarded": {envoy(func(r *proof.Request) {
			r.Forwarded.URI = []string{"/x"}
		}), "forwarded"},
		"Envoy, another method": {envoy(func(r *proof.Request) { r.Method = "GET" }), "htm"},
		"Envoy, another host": {envoy(func(r *proof.Request) {
			r.Host = "other.example"
		}), "htu or forwarded"},
		"Envoy, another query": {envoy(func(r *proof.Request) { r.URI += "/" }), ""},
		"Envoy, the root":      {envoy(func(r *proof.Request) { r.URI = verifyPath + "/" }), "htu"},
		"Envoy, two slashes": {envoy(func(r *proof.Request) {
			r.URI = verifyPath + "//x"
		}), "htu"},
		"Envoy, a path with a fragment": {envoy(func(r *proof.Request) {
			r.URI = verifyPath + "/x#y"
		}), "htu"},
		"Envoy, a stranger": {envoy(func(r *proof.Request) { r.Trusted = false }), "htu"},
	} {
		t.Run(name, func(t *testing.T) {
			without, with := c.want, c.want
			if c.want == "htu or forwarded" { // which depends on whether origins are given
				without, with = "htu", "forwarded"
			}
			assert.Equal(t, without, judgedFor(t, c.request.Original(verifyPath, nil), "PUT",
				"https://app.example/x"))
			assert.Equal(t, with, judgedFor(t, c.request.Original(verifyPath, public), "PUT",
				"https://app.example/x"))
		})
	}
	assert.Equal(t, proof.ReasonForwarded, judgedFor(t, proof.Target{}, "PUT", "https://a.example"))
}

// TestNewTarget checks that the target of an absolute URI is compared in normal form.
func TestNewTarget(t *testing.T) {
	target := proof.NewTarget("GET", "HTTPS://A.example:443/%7Ex?q#f")
	assert.Empty(t, judgedFor(t, target, "GET", "https://a.example/~x"))
	assert.Equal(t, proof.ReasonMethod, judgedFor(t, target, "get", "https://a.example/~x"))
	assert.Equal(t, proof.ReasonURI, judgedFor(t, target, "GET", "https://a.example/~X"))
	assert.Equal(t, proof.ReasonURI, judgedFor(t, proof.NewTarget("GET", "/x"), "GET", "/x"))
	assert.Equal(t, proof.ReasonForwarded, judgedFor(t, proof.NewTarget("", uri), "GET", uri))
}
