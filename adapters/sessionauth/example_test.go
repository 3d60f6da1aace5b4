package sessionauth_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/offload/sessiond/adapters/sessionauth"
	"github.com/offload/sessiond/domain/failure"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/token"
	"github.com/offload/sessiond/test/harness/device"
)

// A service verifies sessions with the issuer's published keys, and holds no secret.
func Example() {
	issuer := exampleIssuer()
	defer issuer.Close()

	jwks, err := sessionauth.NewJWKS(sessionauth.JWKSConfig{
		URL: issuer.URL + "/.well-known/jwks.json", // in production: https
		OnRefresh: func(err error) {
			if err != nil {
				log.Print(err) // the last good keys stay in force
			}
		},
	})
	if err != nil {
		panic(err)
	}
	defer jwks.Close()
	if err := jwks.Start(context.Background()); err != nil {
		log.Print(err) // 503 until the issuer answers
	}
	verifier, err := sessionauth.New(sessionauth.Config{
		Issuer: "offload-backend", Audience: "offload-ios", ClockSkew: 2 * time.Second, Keys: jwks,
	})
	if err != nil {
		panic(err)
	}

	routes := http.NewServeMux()
	routes.Handle("GET /orders", verifier.Middleware(
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			session, _ := sessionauth.FromContext(r.Context())
			_, _ = io.WriteString(w, "orders of "+session.InstallID+"\n")
		})))

	server := httptest.NewServer(routes)
	defer server.Close()
	for _, token := range []string{exampleToken("offload-ios"), exampleToken("offload-web")} {
		request, _ := http.NewRequest(http.MethodGet, server.URL+"/orders", nil)
		request.Header.Set("Authorization", "Bearer "+token)
		request.Header.Set("X-Request-ID", "example")
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			panic(err)
		}
		fmt.Print(answer.StatusCode, " ")
		_, _ = io.Copy(os.Stdout, answer.Body)
		_ = answer.Body.Close()
	}
	http.DefaultClient.CloseIdleConnections()
	// Output:
	// 200 orders of install-12345
	// 401 {"error":{"code":"invalid_token","message":"Invalid session token","request_id":"example"}}
}

// A service shares the issuer's HS256 secret, which OFFLOAD_SESSION_SECRET sets there.
func ExampleNewFixed() {
	secret := "q0Xv7Gm2Jw9sTzYhB4nLkRcEoAiUd8Pf3Vx6MgQyHbE=" // from the environment, in production
	key, err := sessionauth.Secret("v2-default", secret)
	if err != nil {
		panic(err)
	}
	fixed, err := sessionauth.NewFixed(key)
	if err != nil {
		panic(err)
	}
	verifier, err := sessionauth.New(sessionauth.Config{Issuer: "offload-backend",
		Audience: "offload-ios", ClockSkew: 2 * time.Second, Keys: fixed})
	if err != nil {
		panic(err)
	}
	_, err = verifier.Authenticate(context.Background(),
		sessionauth.Credentials{Authorization: []string{"Bearer e30.AAAA"}})
	fmt.Println(err)
	// Output: token rejected: signature_length
}

// During a change from a secret to published keys, sessions of both kinds verify until the last one
// signed with the secret has expired.
func ExampleJWKSConfig_additional() {
	issuer := exampleIssuer()
	defer issuer.Close()
	old, err := sessionauth.Secret("v2-default", "q0Xv7Gm2Jw9sTzYhB4nLkRcEoAiUd8Pf3Vx6MgQyHbE=")
	if err != nil {
		panic(err)
	}
	jwks, err := sessionauth.NewJWKS(sessionauth.JWKSConfig{URL: issuer.URL,
		Additional: []keys.Key{old}})
	if err != nil {
		panic(err)
	}
	defer jwks.Close()
	fmt.Println(jwks.Start(context.Background()))
	// Output: <nil>
}

// The middleware passes a request with a valid session on, and refuses any other itself.
func ExampleVerifier_Middleware() {
	verifier := exampleVerifier()
	orders := verifier.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session, _ := sessionauth.FromContext(r.Context())
		_, _ = io.WriteString(w, "orders of "+session.InstallID)
	}))
	for _, token := range []string{exampleToken("offload-ios"), ""} {
		request := httptest.NewRequest(http.MethodGet, "/orders", nil)
		request.Header.Set("X-Request-ID", "example")
		if token != "" {
			request.Header.Set("Authorization", "Bearer "+token)
		}
		recorder := httptest.NewRecorder()
		orders.ServeHTTP(recorder, request)
		fmt.Println(recorder.Code, recorder.Body)
	}
	// Output:
	// 200 orders of install-12345
	// 401 {"error":{"code":"unauthorized","message":"Missing bearer token","request_id":"example"}}
}

// A service that does not use net/http takes the credentials from wherever its requests hold them,
// and phrases the refusal itself.
func ExampleVerifier_Authenticate() {
	verifier := exampleVerifier()
	for _, token := range []string{exampleToken("offload-ios"), exampleToken("offload-web")} {
		metadata := map[string][]string{"authorization": {"Bearer " + token}}

		session, err := verifier.Authenticate(context.Background(),
			sessionauth.Credentials{Authorization: metadata["authorization"]})
		if err != nil {
			fmt.Println(failure.KindOf(err).Code()+":", err) // the code is for the client
			continue
		}
		fmt.Println(session.InstallID, session.KeyID, session.ExpiresAt.Sub(session.IssuedAt))
	}
	// Output:
	// install-12345 ed-2026-11 1h0m0s
	// invalid_token: token rejected: audience
}

// A service accepts sessions that are bound to device keys too. Its clients know it by the public
// origin, whatever stands between them.
func ExampleConfig_binding() {
	fixed, err := sessionauth.NewFixed(pair("ed-2026-11", 1))
	if err != nil {
		panic(err)
	}
	// From the environment, in production: all replicas need the same.
	nonces, err := sessionauth.NewNonces("q0Xv7Gm2Jw9sTzYhB4nLkRcEoAiUd8Pf3Vx6MgQyHbE=")
	if err != nil {
		panic(err)
	}
	verifier, err := sessionauth.New(sessionauth.Config{Issuer: "offload-backend",
		Audience: "offload-ios", ClockSkew: 2 * time.Second, Keys: fixed,
		Binding: sessionauth.BindingAccept, PublicOrigins: []string{"https://api.example.com"},
		Nonces: nonces})
	if err != nil {
		panic(err)
	}
	orders := verifier.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session, _ := sessionauth.FromContext(r.Context())
		_, _ = io.WriteString(w, "a session that is bound to "+session.Binding)
	}))

	phone := device.New(1)
	token := exampleBoundToken(phone.Thumbprint)
	proof := phone.Proof(device.For("GET", "https://api.example.com/orders", time.Now()).
		ForToken(token))
	for _, path := range []string{"/orders", "/invoices"} {
		request := httptest.NewRequest(http.MethodGet, path, nil)
		request.Header.Set("Authorization", "DPoP "+token)
		request.Header.Set("DPoP", proof)
		request.Header.Set("X-Request-ID", "example")
		recorder := httptest.NewRecorder()
		orders.ServeHTTP(recorder, request)
		fmt.Println(recorder.Code, recorder.Body)
	}
	// Output:
	// 200 a session that is bound to key
	// 401 {"error":{"code":"invalid_proof","message":"Invalid proof of possession","request_id":"example"}}
}

// A test of a handler needs no token.
func ExampleNewContext() {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session, _ := sessionauth.FromContext(r.Context())
		_, _ = io.WriteString(w, session.InstallID)
	})
	request := httptest.NewRequest(http.MethodGet, "/orders", nil)
	request = request.WithContext(sessionauth.NewContext(request.Context(),
		sessionauth.Session{InstallID: "install-12345"}))
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	fmt.Println(recorder.Body)
	// Output: install-12345
}

// exampleVerifier returns a verifier with the key of exampleIssuer.
func exampleVerifier() *sessionauth.Verifier {
	fixed, err := sessionauth.NewFixed(pair("ed-2026-11", 1))
	if err != nil {
		panic(err)
	}
	verifier, err := sessionauth.New(sessionauth.Config{Issuer: "offload-backend",
		Audience: "offload-ios", ClockSkew: 2 * time.Second, Keys: fixed})
	if err != nil {
		panic(err)
	}
	return verifier
}

// exampleIssuer returns a server that publishes a key as sessiond does.
func exampleIssuer() *httptest.Server {
	keyring, err := keys.NewKeyring(pair("ed-2026-11", 1))
	if err != nil {
		panic(err)
	}
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, keys.FormatPublic(keyring, time.Now()))
	}))
}

// exampleToken returns a session that the issuer signed.
func exampleToken(audience string) string {
	id, _ := session.ParseInstallID("install-12345")
	settings := session.Settings{Issuer: "offload-backend", Audience: audience, Lifetime: time.Hour}
	return token.Sign(settings.Claims(id, "ed-2026-11", time.Now()), pair("ed-2026-11", 1))
}

// exampleBoundToken returns a session that is bound to the key with that thumbprint.
func exampleBoundToken(thumbprint string) string {
	id, _ := session.ParseInstallID(thumbprint)
	settings := session.Settings{Issuer: "offload-backend", BoundAudience: "offload-ios:bound",
		Lifetime: time.Hour}
	return token.Sign(settings.BoundClaims(id, "ed-2026-11", time.Now()), pair("ed-2026-11", 1))
}
