package sessionauthtest_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.uber.org/goleak"

	"github.com/offload/sessiond/adapters/sessionauth"
	"github.com/offload/sessiond/adapters/sessionauth/sessionauthtest"
	"github.com/offload/sessiond/domain/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestIssuer(t *testing.T) {
	issuer, stranger := sessionauthtest.New(t), sessionauthtest.New(t)
	protected := issuer.Verifier().Middleware(
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			claims, _ := sessionauth.FromContext(r.Context())
			_, _ = w.Write([]byte(claims.InstallID.Text()))
		}))
	ask := func(token string) (code, body string) {
		request := httptest.NewRequest(http.MethodGet, "/", nil)
		request.Header.Set("Authorization", "Bearer "+token)
		recorder := httptest.NewRecorder()
		protected.ServeHTTP(recorder, request)
		return recorder.Header().Get("X-Error-Code"), recorder.Body.String()
	}
	first := issuer.Token("install-12345")
	issuer.Rotate()
	for name, c := range map[string]struct{ token, want string }{
		"valid":            {first, ""},
		"of the next key":  {issuer.Token("install-12345"), ""},
		"expired":          {issuer.Expired("install-12345"), "expired_token"},
		"another audience": {issuer.ForAudience("offload-web", "install-12345"), "invalid_token"},
		"another issuer's": {stranger.Token("install-12345"), "invalid_token"},
		"not yet valid": {issuer.Mint("install-12345", func(claims *session.Claims) {
			claims.NotBefore += 60
		}), "invalid_token"},
	} {
		t.Run(name, func(t *testing.T) {
			code, body := ask(c.token)
			assert.Equal(t, c.want, code)
			if c.want == "" {
				assert.Equal(t, "install-12345", body)
			}
		})
	}
	assert.Equal(t, 2, issuer.Reads(), "at the start, and for the next key")
	assert.Zero(t, stranger.Reads())
}
