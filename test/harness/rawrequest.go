package harness

import (
	"fmt"
	"net/http"
)

// RawRequest returns the text of a request, with a Content-Length if it has a body.
func RawRequest(method, target, body string, headers ...string) string {
	text := method + " " + target + " HTTP/1.1\r\nHost: sessiond\r\n"
	if body != "" {
		headers = append(headers, fmt.Sprintf("Content-Length: %d", len(body)))
	}
	for _, header := range headers {
		text += header + "\r\n"
	}
	return text + "\r\n" + body
}

// RawIssue returns the text of an issue request.
func RawIssue(body string, headers ...string) string {
	return RawRequest(http.MethodPost, IssuePath, body,
		append(headers, "Content-Type: application/json")...)
}

// RawChunkedIssue returns the text of an issue request with a chunked body.
func RawChunkedIssue(body string, headers ...string) string {
	headers = append(headers, "Content-Type: application/json", "Transfer-Encoding: chunked")
	return RawRequest(http.MethodPost, IssuePath, "", headers...) +
		fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
}
