// Package sessionauth verifies sessiond's sessions inside another Go service, without a call for
// each request.
//
// A Verifier makes the same checks as sessiond's protected paths and refuses with the same answers:
// the same status, code, message and headers. It needs keys, from one of two sources:
//
//   - A JWKS reads the public keys that the issuer publishes at /.well-known/jwks.json and keeps
//     them fresh in the background. The service then holds nothing that could sign. Use it if the
//     issuer signs with EdDSA or ES256.
//   - Fixed holds keys that are given at the start. Use it if the issuer signs with HS256. A
//     service that verifies such sessions holds the secret, and could also make them.
//
// A service verifies the sessions of an issuer that signs with EdDSA or ES256:
//
//	jwks, err := sessionauth.NewJWKS(sessionauth.JWKSConfig{
//		URL: "https://sessions.example.com/.well-known/jwks.json",
//	})
//	if err != nil {
//		return err
//	}
//	defer jwks.Close()
//	if err := jwks.Start(ctx); err != nil {
//		log.Print(err) // the service may continue: 503 until the issuer answers
//	}
//	verifier, err := sessionauth.New(sessionauth.Config{
//		Issuer: "offload-backend", Audience: "offload-ios",
//		ClockSkew: 2 * time.Second,
//		Keys:      jwks,
//	})
//	if err != nil {
//		return err
//	}
//	orders := func(w http.ResponseWriter, r *http.Request) {
//		session, _ := sessionauth.FromContext(r.Context())
//		fmt.Fprintln(w, "orders of", session.InstallID)
//	}
//	mux.Handle("GET /orders", verifier.Middleware(http.HandlerFunc(orders)))
//
// The example of the package is the same as a program.
//
// A session proves only that its holder once knew the install ID, unless it is bound to a device
// key. An install ID is not a credential.
//
// # Bound sessions
//
// A bound session works only together with the key of a device: each request has the scheme DPoP
// and a proof (RFC 9449) for its method and its URL. Without a Config.Binding they are refused,
// because a service that takes them for bearer sessions takes a thief for the device. With
//
//	Binding:       sessionauth.BindingAccept,
//	PublicOrigins: []string{"https://api.example.com"},
//	Nonces:        nonces, // NewNonces of a secret that the replicas share
//
// in its Config, Middleware judges proofs by the method and the path that the client sent, under
// one of the public origins, and Session.Binding is BoundToKey. A bearer session with an install ID
// in the form of a thumbprint is then refused, as by the issuing service.
//
// A client whose clock is wrong is refused with a nonce, and accepted with a proof that has it.
// There is no memory of proofs: for six minutes at most, a captured proof with its token is good
// for that method and path, with any query and body. A service must not log the header DPoP or pass
// it on, because the key in it is a stable identifier.
//
// # Outages and rotations
//
// A JWKS keeps the last good set for as long as the issuer is unavailable: an answer that is late,
// is not a 200, is too large or is not a JWK Set changes nothing. A set without a usable key takes
// effect, because all keys may have been revoked; but not as the first set. A JWS under an unknown
// key causes a read of the set at once, at most once in ten seconds no matter what is sent, and its
// request waits one second at most. A rotation therefore needs no restart.
//
// A revocation takes effect with the next read: before the issuer's max-age has passed, but never
// in less than one minute or more than ten. A process that its platform freezes between requests
// reads nothing meanwhile. So a request that finds the set older than that waits for a read, one
// second at most; the age is that of the wall clock or of the monotonic clock, whichever shows
// more, because one may have been set back and the other may have stood still. After a read that
// failed, no request waits because of the age for ten seconds. While the issuer is unavailable, no
// revocation takes effect.
//
// A published Ed25519 key that is a point of small order is ignored: anyone could sign under it. So
// is a P-256 key that is no point of the curve. An ES256 signature must have the lower s, as the
// issuer writes it, so that a session has one text.
//
// # Imports
//
// The package imports domain, the service's envelope of responses, and the standard library. So
// does sessionauthtest, which helps to test services that use this package.
package sessionauth
