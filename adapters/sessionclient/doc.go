// Package sessionclient obtains a session from sessiond, keeps it, renews it and sends it with the
// requests of an app to its application.
//
// A Client is made once and used for everything. Its RoundTripper goes into an http.Client:
//
//	client, err := sessionclient.New(sessionclient.Config{
//		Sessions:    "https://sessions.example.com",
//		Application: []string{"https://api.example.com"},
//		Storage:     sessionclient.NewFileStorage(path),
//		AppVersion:  "1.4.2", Platform: "linux",
//	})
//	if err != nil {
//		return err
//	}
//	app := &http.Client{Transport: client.RoundTripper(nil)}
//	answer, err := app.Get("https://api.example.com/orders")
//
// For protocols other than HTTP, Token returns the session itself.
//
// # Sessions that only the device can use
//
// With Config.Key, each request proves that the client has a key: a session that was copied is of
// no use elsewhere, and the install ID is the thumbprint of the key. NewFileKey keeps one in a
// file, KeyOf uses one of the hardware. The service must accept bound sessions
// (OFFLOAD_SESSION_BINDING), and so must the application. For protocols other than HTTP,
// Credentials takes the place of Token. An app that gets a key is a new installation: the session
// before is not used again.
//
// # What it does
//
// Requests that find no session wait while one is obtained: one exchange is on its way however many
// wait, also among processes with one FileStorage. A caller whose context ends leaves at once; the
// exchange goes on and its result is kept. A 429 or 503 is waited out as the service asks. All
// waiting of one request ends after Config.MaxWait. A session is renewed in time without any
// request waiting for it, and remains in use if that fails. Time is measured from the answer on a
// monotonic clock; the clock of the device is read for proofs alone. If a server does not accept
// the time of a proof, the request is repeated with the nonce that it asks for, and later proofs
// have the server's time.
//
// A 401 of the application with the code expired_token or invalid_token is answered with a new
// session, and the request is sent again, if its body can be: set Request.GetBody, as
// http.NewRequest does for bodies in memory. The 401 of any other body is returned; the next
// request has a new session.
//
// An error about the session is an *Error. The error of a context is returned as it is.
//
// # Goroutines
//
// A Client needs no Close. An exchange has a goroutine of its own, which waits for the lock of the
// storage, for the answer and for the storage, each for Config.Timeout at most. Between exchanges
// there is none.
//
// # Imports
//
// The package imports domain, the service's envelope of responses, and the standard library.
package sessionclient
