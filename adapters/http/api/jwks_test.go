package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	jwksPath  = "/.well-known/jwks.json"
	publicSet = `{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","use":"sig","kid":"pair","x":"PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw"}]}`
	emptySet  = `{"keys":[]}`
)

// tagOf returns the validator of a key set.
func tagOf(t *testing.T, set string) string {
	t.Helper()
	d := newTestAPI()
	d.publication.PublicSetFunc = func() string { return set }
	tag := d.do(get(jwksPath)).Header.Get("ETag")
	require.Regexp(t, `^"[^",]+"$`, tag, "one strong validator")
	return tag
}

func TestJWKS(t *testing.T) {
	tag := tagOf(t, publicSet)
	for _, set := range []string{publicSet, emptySet} {
		d := newTestAPI()
		d.publication.PublicSetFunc = func() string { return set }
		response := d.do(get(jwksPath))
		assert.Equal(t, 200, response.StatusCode)
		assert.Equal(t, set, text(t, response))
		assert.Equal(t, http.Header{
			"Access-Control-Allow-Origin": {"*"},

			"Content-Type":  {"application/json"},
			"Cache-Control": {"public, max-age=300"},
			"Etag":          {tagOf(t, set)},
			"X-Request-Id":  {"request-1"},
		}, response.Header)
		assert.Empty(t, d.authentication.AuthenticateCalls(), "no authentication is needed")
	}
	assert.Equal(t, tag, tagOf(t, publicSet), "the same set has the same validator")
	assert.NotEqual(t, tag, tagOf(t, emptySet), "another set has another validator")
	assert.NotEqual(t, tag, tagOf(t, strings.Replace(publicSet, "pair", "pare", 1)))
}

func TestJWKSNotModified(t *testing.T) {
	tag := tagOf(t, publicSet)
	other := tagOf(t, emptySet)
	for _, c := range []struct {
		name   string
		values []string
		status int
	}{
		{"the same ETag", []string{tag}, 304},
		{"the same ETag, weakened by a proxy", []string{"W/" + tag}, 304},
		{"an asterisk", []string{"*"}, 304},
		{"one of a list", []string{other + `, W/"x" ,` + "\t" + tag}, 304},
		{"one of several lines", []string{other, tag}, 304},
		{"one after white space", []string{"  " + tag + " "}, 304},
		{"another ETag", []string{other}, 200},
		{"several other ETags", []string{other + `, W/"x"`, `"*"`}, 200},
		{"the same ETag without its quotes", []string{strings.Trim(tag, `"`)}, 200},
		{"the same ETag in another case", []string{strings.ToUpper(tag)}, 200},
		{"a part of the ETag", []string{tag[:len(tag)-2] + `"`}, 200},
		{"an empty header", []string{""}, 200},
		{"no header", nil, 200},
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			t.Run(c.name+" by "+method, func(t *testing.T) {
				r := get(jwksPath)
				r.Method, r.Header["If-None-Match"] = method, c.values
				response := newTestAPI().do(r)
				assert.Equal(t, c.status, response.StatusCode)
				assert.Equal(t, tag, response.Header.Get("ETag"))
				assert.Equal(t, []string{"public, max-age=300"},
					response.Header.Values("Cache-Control"))
				if c.status == 304 {
					assert.Empty(t, text(t, response))
					assert.NotContains(t, response.Header, "Content-Type")
				}
			})
		}
	}
	t.Run("after a change", func(t *testing.T) {
		d := newTestAPI()
		d.publication.PublicSetFunc = func() string { return emptySet }
		response := d.do(get(jwksPath, "If-None-Match", tag))
		assert.Equal(t, 200, response.StatusCode)
		assert.Equal(t, emptySet, text(t, response))
	})
}

func TestJWKSRefusesOtherMethods(t *testing.T) {
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"} {
		r := get(jwksPath, "If-None-Match", "*")
		r.Method = method
		d := newTestAPI()
		response := d.do(r)
		assert.Equal(t, 405, response.StatusCode, method)
		assert.Equal(t, "GET, HEAD", response.Header.Get("Allow"))
		assert.Equal(t, []string{"no-store"}, response.Header.Values("Cache-Control"),
			"an error is not cached")
		assert.Empty(t, response.Header.Get("ETag"))
		assert.Empty(t, d.publication.PublicSetCalls())
	}
	for _, path := range []string{jwksPath + "/", "/.well-known/jwks", "/.well-known//jwks.json",
		"/%2ewell-known/jwks.json"} {
		assert.Equal(t, 404, newTestAPI().do(get(path)).StatusCode, path)
	}
}

// TestJWKSFollowsThePublication checks that one API serves each new set with its own validator.
func TestJWKSFollowsThePublication(t *testing.T) {
	d := newTestAPI()
	for _, set := range []string{publicSet, emptySet, emptySet, publicSet} {
		d.publication.PublicSetFunc = func() string { return strings.Clone(set) }
		response := d.do(get(jwksPath))
		assert.Equal(t, set, text(t, response))
		assert.Equal(t, tagOf(t, set), response.Header.Get("ETag"))
	}
}

// TestJWKSCostsNoSet checks that a request for a large set that did not change allocates less than
// the set.
func TestJWKSCostsNoSet(t *testing.T) {
	large := strings.Repeat(publicSet, 1000)
	d := newTestAPI()
	d.publication.PublicSetFunc = func() string { return large }
	routes, w := d.api.Routes(), &discarded{header: http.Header{}}
	request := get(jwksPath)
	result := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			for _, route := range routes {
				if route.Pattern == jwksPath {
					assert.NoError(b, route.Handle(w, request))
				}
			}
		}
	})
	assert.Less(t, result.AllocedBytesPerOp(), int64(len(large)/10))
}

// discarded is a response writer that discards the body.
type discarded struct{ header http.Header }

func (d *discarded) Header() http.Header          { return d.header }
func (*discarded) Write(data []byte) (int, error) { return len(data), nil }
func (*discarded) WriteHeader(int)                {}
