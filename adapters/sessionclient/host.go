package sessionclient

import (
	"bufio"
	"bytes"
	"net/http"
	"net/url"
	"strings"
)

// sentHost returns the Host that a request to u is sent with, in ASCII and without a zone (RFC 6874
// §1). host is the Host of the request, or empty if it is that of u. The request must have it as
// its Host: net/http sends one of its own in HTTP/2, and for capitals that are not ASCII.
func sentHost(u *url.URL, host string) string {
	if host == "" {
		host = strings.TrimSuffix(u.Host, ":")
	}
	if isASCII(host) && !strings.Contains(host, "%") {
		return host
	}
	// net/http has the conversion of RFC 3492, and exports it in the text of a request alone.
	var text bytes.Buffer
	probe := http.Request{Method: http.MethodGet, URL: &url.URL{Scheme: "http", Host: host, Path: "/"},
		Host: strings.ToLower(host)}
	if probe.Write(&text) != nil {
		return host
	}
	sent, err := http.ReadRequest(bufio.NewReader(&text))
	if err != nil || sent.Host == "" {
		return host
	}
	return sent.Host
}

func isASCII(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r >= 0x80 }) < 0
}
