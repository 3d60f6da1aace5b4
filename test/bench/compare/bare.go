package main

import (
	"io"
	"net/http"
	"strconv"
	"time"
)

// bareResponse is what the bare server sends: as many bytes and headers as sessiond sends.
type bareResponse struct {
	status  int
	headers [][2]string
	body    string
}

// The headers of sessiond's responses that the bare server sends too.
var (
	bareHeaders = [][2]string{
		{"Content-Type", "application/json"}, {"Cache-Control", "no-store"},
		{"X-Request-Id", "3f2b8f0a-7f0e-4d52-9a39-0b6f5b1f7b11"},
	}
	bareLimits = append(bareHeaders[:len(bareHeaders):len(bareHeaders)], [][2]string{
		{"RateLimit-Policy", `"ip";q=32;w=60, "network";q=2048;w=60, "install_id";q=4;w=60`},
		{"RateLimit", `"ip";r=31;t=60, "network";r=2047;t=60, "install_id";r=3;t=60`},
	}...)
)

// What sessiond answers to the requests of each load.
var (
	bareCurrent = bareResponse{http.StatusOK, bareHeaders, `{"install_id":"install-12345",` +
		`"key_id":"v2-default","issuer":"offload-backend","audience":"offload-ios",` +
		`"issued_at":"2026-02-16T12:00:00Z","not_before":"2026-02-16T12:00:00Z",` +
		`"expires_at":"2026-02-16T13:00:00Z"}`}
	bareIssued = bareResponse{http.StatusOK, bareLimits, `{"session_token":"eyJ2IjoyLCJraWQiOiJ2M` +
		`i1kZWZhdWx0IiwiaWF0IjoxNzcxMjQzMzIwLCJuYmYiOjE3NzEyNDMzMjAsImlzcyI6Im9mZmxvYWQtYmFja2V` +
		`uZCIsImF1ZCI6Im9mZmxvYWQtaW9zIiwiaW5zdGFsbF9pZCI6Imluc3RhbGwtMTIzNDUiLCJleHAiOjE3NzEyN` +
		`DY5MjB9.HqOqJcXcGvPZoYc0dYx0d3eJmW7k6m4jJ1mRr7t4mT0","expires_at":"2026-02-16T13:00:00Z"` +
		`,"expires_in":3600,"refresh_after":2768}`}
	bareRefused = bareResponse{http.StatusTooManyRequests, append(
		bareLimits[:len(bareLimits):len(bareLimits)],
		[][2]string{{"Retry-After", "60"}, {"X-Error-Code", "session_rate_limited"}}...),
		`{"error":{"code":"session_rate_limited","message":"Too many session requests; retry ` +
			`later","request_id":"3f2b8f0a-7f0e-4d52-9a39-0b6f5b1f7b11"}}`}
)

// bareHandler reads the body of a request, and sends the response that its path names.
func bareHandler() http.Handler {
	mux := http.NewServeMux()
	for path, response := range map[string]bareResponse{
		"/v1/sessions/current": bareCurrent, "/v1/sessions/anonymous": bareIssued,
		"/refused": bareRefused,
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 16<<10)); err != nil {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			header := w.Header()
			for _, one := range response.headers {
				header[one[0]] = []string{one[1]}
			}
			header["Content-Length"] = []string{strconv.Itoa(len(response.body))}
			w.WriteHeader(response.status)
			_, _ = io.WriteString(w, response.body)
		})
	}
	return mux
}

// serveBare serves as little as a server on the internet can: net/http with its deadlines.
func serveBare(address, certificate, key string) error {
	server := &http.Server{Addr: address, Handler: bareHandler(), ReadTimeout: 10 * time.Second,
		WriteTimeout: 20 * time.Second, IdleTimeout: 75 * time.Second}
	if certificate != "" {
		return server.ListenAndServeTLS(certificate, key)
	}
	return server.ListenAndServe()
}
