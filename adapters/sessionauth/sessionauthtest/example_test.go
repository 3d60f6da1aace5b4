package sessionauthtest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/offload/sessiond/adapters/sessionauth"
	"github.com/offload/sessiond/adapters/sessionauth/sessionauthtest"
)

// A test of a service's route sends one valid session, and each kind that the route must refuse.
func Example() {
	t := &exampleT{} // in a test, its *testing.T
	defer t.end()

	issuer := sessionauthtest.New(t)
	orders := issuer.Verifier().Middleware(
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			session, _ := sessionauth.FromContext(r.Context())
			_, _ = io.WriteString(w, "orders of "+session.InstallID)
		}))

	for _, token := range []string{
		issuer.Token("install-12345"),
		issuer.Expired("install-12345"),
		issuer.ForAudience("offload-web", "install-12345"),
		issuer.Mint("install-12345", func(s *sessionauth.Session) { s.Issuer = "another" }),
	} {
		request := httptest.NewRequest(http.MethodGet, "/orders", nil)
		request.Header.Set("Authorization", "Bearer "+token)
		recorder := httptest.NewRecorder()
		orders.ServeHTTP(recorder, request)
		if code := recorder.Header().Get("X-Error-Code"); code != "" {
			fmt.Println(recorder.Code, code)
		} else {
			fmt.Println(recorder.Code, recorder.Body)
		}
	}
	// Output:
	// 200 orders of install-12345
	// 401 expired_token
	// 401 invalid_token
	// 401 invalid_token
}

// exampleT stands for the *testing.T of a test, which an example does not have.
type exampleT struct {
	testing.TB
	cleanups []func()
}

func (*exampleT) Helper() {}

func (t *exampleT) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

func (t *exampleT) Cleanup(f func()) { t.cleanups = append(t.cleanups, f) }

func (t *exampleT) end() {
	for _, f := range slices.Backward(t.cleanups) {
		f()
	}
}
