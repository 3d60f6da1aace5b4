package appworld

import (
	"io"
	"net/http"

	"github.com/offload/sessiond/adapters/http/envelope"
	"github.com/offload/sessiond/adapters/sessionauth"
)

// maxBody bounds the body of a request to the application.
const maxBody = 16 << 20

// application returns the handler of the application: /echo and every path below it need a session
// and describe the request, /open needs none and says whether one was sent, and /redirect?to=URL
// answers 307.
func application(verifier *sessionauth.Verifier) http.Handler {
	mux := http.NewServeMux()
	protected := verifier.Middleware(http.HandlerFunc(echo))
	mux.Handle("/echo", protected)
	mux.Handle("/echo/", protected)
	mux.HandleFunc("/open", func(w http.ResponseWriter, r *http.Request) {
		envelope.WriteJSON(w, http.StatusOK, map[string]any{
			"authorization": r.Header.Get(envelope.HeaderAuthorization) != "",
		})
	})
	mux.HandleFunc("/redirect", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", r.FormValue("to"))
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	return mux
}

func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	session, _ := sessionauth.FromContext(r.Context())
	envelope.WriteJSON(w, http.StatusOK, map[string]any{
		"method": r.Method, "path": r.URL.Path, "body": string(body),
		"install_id": session.InstallID, "binding": session.Binding,
	})
}
