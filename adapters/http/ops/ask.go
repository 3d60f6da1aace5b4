package ops

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
)

// The paths of liveness and readiness.
const (
	PathLive  = "/livez"
	PathReady = "/readyz"
)

// maxAnswer is how many bytes of a response are read.
const maxAnswer = 64 << 10

// Answer is the response of a running service.
type Answer struct {
	// Status is the HTTP status.
	Status int
	// Failing holds the names of the checks that fail, in order.
	Failing []string
}

// URL returns the URL of a path on the operations listener that was configured with address. If the
// listener is on all addresses, the URL has the loopback address.
func URL(address, path string) string {
	host, port, err := net.SplitHostPort(address)
	if addr, parseErr := netip.ParseAddr(host); err == nil && (host == "" ||
		parseErr == nil && addr.IsUnspecified()) {
		host = "127.0.0.1"
		if addr.Is6() {
			host = "::1"
		}
		address = net.JoinHostPort(host, port)
	}
	return "http://" + address + path
}

// Ask requests url from the operations listener of a running service. It uses no proxy and follows
// no redirect. It fails if there is no response before ctx ends; a response with an error status is
// not an error.
func Ask(ctx context.Context, url string) (Answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return Answer{}, err
	}
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return Answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	answer := Answer{Status: response.StatusCode}
	var report ready
	body := json.NewDecoder(io.LimitReader(response.Body, maxAnswer))
	if body.Decode(&report) != nil {
		return answer, nil // the body is not a report: the status alone is returned
	}
	for _, name := range slices.Sorted(maps.Keys(report.Checks)) {
		if report.Checks[name].Status == statusUnready {
			answer.Failing = append(answer.Failing, name)
		}
	}
	return answer, nil
}
