package sessionauthtest_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/offload/sessiond/adapters/sessionauth"
	"github.com/offload/sessiond/adapters/sessionauth/sessionauthtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestIssuer(t *testing.T) {
	issuer, other := sessionauthtest.New(t), sessionauthtest.New(t)
	protected := issuer.Verifier().Middleware(
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			session, _ := sessionauth.FromContext(r.Context())
			_, _ = w.Write([]byte(session.InstallID))
		}))
	send := func(token string) (code, body string) {
		request := httptest.NewRequest(http.MethodGet, "/", nil)
		request.Header.Set("Authorization", "Bearer "+token)
		recorder := httptest.NewRecorder()
		protected.ServeHTTP(recorder, request)
		return recorder.Header().Get("X-Error-Code"), recorder.Body.String()
	}
	first := issuer.Token("install-12345")
	issuer.Rotate()
	second := issuer.Token("install-12345")
	// A request waits one second at most for the new key, which may not be enough on a slow
	// machine.
	require.Eventually(t, func() bool { code, _ := send(second); return code == "" },
		time.Minute, 10*time.Millisecond, "the key after the rotation is not accepted")
	for name, c := range map[string]struct{ token, want string }{
		"valid":            {first, ""},
		"after a rotation": {second, ""},
		"expired":          {issuer.Expired("install-12345"), "expired_token"},
		"another audience": {issuer.ForAudience("offload-web", "install-12345"), "invalid_token"},
		"another issuer":   {other.Token("install-12345"), "invalid_token"},
		"not yet valid": {issuer.Mint("install-12345", func(s *sessionauth.Session) {
			s.NotBefore = s.ExpiresAt.Add(-time.Second)
		}), "invalid_token"},
	} {
		t.Run(name, func(t *testing.T) {
			code, body := send(c.token)
			assert.Equal(t, c.want, code)
			if c.want == "" {
				assert.Equal(t, "install-12345", body)
			}
		})
	}
	bound := httptest.NewRequest(http.MethodGet, "/a%2Fb?x=1", nil)
	device := sessionauthtest.NewDevice()
	issuer.Bind(bound, device)
	for method, want := range map[string]string{http.MethodGet: "", http.MethodPut: "invalid_proof"} {
		bound.Method = method
		recorder := httptest.NewRecorder()
		protected.ServeHTTP(recorder, bound)
		assert.Equal(t, want, recorder.Header().Get("X-Error-Code"), method)
		assert.Equal(t, want == "", device.InstallID() == recorder.Body.String())
	}
	assert.Equal(t, 2, issuer.Reads(), "one read at the start, and one for the new key")
	assert.Zero(t, other.Reads())
}
