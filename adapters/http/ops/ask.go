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

// The paths that Ask may ask for.
const (
	PathLive  = "/livez"
	PathReady = "/readyz"
)

// maxAnswer is the maximum size of an answer in bytes.
const maxAnswer = 64 << 10

// Answer is what a running service answered.
type Answer struct {
	Status int
	// Failing holds the names of the checks that fail, in order.
	Failing []string
}

// URL returns the URL for a path of the operations listener that was configured with address. A
// listener on all addresses is asked on this host.
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

// Ask requests url from the operations listener of a running service. No proxy is used, and no
// redirect is followed.
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
		return answer, nil // not a report: the status says enough
	}
	for _, name := range slices.Sorted(maps.Keys(report.Checks)) {
		if report.Checks[name].Status == statusUnready {
			answer.Failing = append(answer.Failing, name)
		}
	}
	return answer, nil
}
