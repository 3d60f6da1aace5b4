package sessionclient

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/offload/sessiond/adapters/http/envelope"
	"github.com/offload/sessiond/domain/strict"
)

// Bounds of what is read from an answer. Those of the body, the code and the request id are in
// bytes.
const (
	maxAnswer = 64 << 10
	// maxRefresh is the most that refresh_after may be, in seconds: the longest lifetime of a
	// session.
	maxRefresh = 365 * 24 * 60 * 60
	// maxSeconds is what larger numbers of seconds in headers count as: the service asks for two of
	// its windows at most, which are up to a day.
	maxSeconds   = 2 * 24 * 60 * 60
	maxCode      = 64
	maxDetails   = 16
	maxRequestID = 128
)

// answer is a session that was granted.
type answer struct {
	token        string
	refreshAfter int
	// renewAt is when it is due. notBefore is when the service may be asked again.
	renewAt, notBefore time.Duration
}

// newInstallID returns a random UUID. It is a secret: a session proves no more than that its holder
// knew the install ID.
func newInstallID() string {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	return envelope.UUID(random)
}

// exchange obtains a session for an installation, or renews the one that it holds. If the service
// does not accept the time of the proof, it asks once more, with the nonce of that answer. The
// error is an *Error.
func (c *Client) exchange(ctx context.Context, b begun) (answer, error) {
	got, nonce, err := c.ask(ctx, b, "")
	if nonce != "" {
		got, _, err = c.ask(ctx, b, nonce)
	}
	return got, err
}

// ask sends one request for a session, with a proof that names a nonce if there is a key. If the
// answer asks for a proof that names another, the result has it.
func (c *Client) ask(ctx context.Context, b begun, nonce string) (answer, string, error) {
	body, err := json.Marshal(map[string]string{"install_id": b.held.installID,
		"app_version": c.config.AppVersion, "platform": c.config.Platform})
	if err != nil {
		panic(err) // marshaling strings cannot fail
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint,
		bytes.NewReader(body))
	if err != nil {
		panic(err) // New has parsed the URL
	}
	request.Host = sentHost(request.URL, request.Host)
	request.Header.Set(envelope.HeaderContentType, envelope.MediaType)
	request.Header.Set("Accept", envelope.MediaType)
	if err := c.authorize(request.Header, pass{b.held.token, b.device}, http.MethodPost,
		uriOf(request.URL, request.Host), nonce); err != nil {
		return answer{}, "", err
	}
	// A transport follows no redirect and keeps no cookie.
	response, err := c.config.Transport.RoundTrip(request)
	if err != nil {
		return answer{}, "", unreachable(ctx, err, b.held)
	}
	arrived := c.clock.now()
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return answer{}, "", unreachable(ctx, err, b.held)
	}
	if response.StatusCode != http.StatusOK {
		failure := failed(response, text)
		if b.device == nil {
			return answer{}, "", failure
		}
		code := failure.Code
		if code == CodeUnexpectedResponse { // a proxy may have dropped the code
			code = codeOf(response.Header)
		}
		return answer{}, c.challenge(response, code), failure
	}
	token, refreshAfter, ok := parseSession(text)
	if !ok {
		return answer{}, "", &Error{Code: CodeUnexpectedResponse, Status: response.StatusCode,
			RequestID: requestIDOf(response.Header)}
	}
	return answer{token: token, refreshAfter: refreshAfter,
		renewAt:   arrived + time.Duration(refreshAfter)*time.Second,
		notBefore: arrived + limitWait(response.Header)}, "", nil
}

// unreachable returns the error of an exchange without an answer. The cause is left out if it
// contains what must not be shown.
func unreachable(ctx context.Context, cause error, h held) *Error {
	code := CodeUnreachable
	var timeout interface{ Timeout() bool }
	if ctx.Err() != nil || errors.As(cause, &timeout) && timeout.Timeout() {
		code = CodeTimeout
	}
	text := cause.Error()
	if strings.Contains(text, h.installID) || h.token != "" && strings.Contains(text, h.token) {
		cause = nil
	}
	return &Error{Code: code, cause: cause}
}

// parseSession returns the session in the body of a 200, and after how many seconds to renew it.
func parseSession(text []byte) (token string, refreshAfter int, ok bool) {
	var session struct {
		Token        string `json:"session_token"`
		RefreshAfter *int   `json:"refresh_after"`
	}
	if len(text) > maxAnswer || json.Unmarshal(text, &session) != nil ||
		!strict.Plain(session.Token, maxToken) || session.RefreshAfter == nil ||
		*session.RefreshAfter < 0 || *session.RefreshAfter > maxRefresh {
		return "", 0, false
	}
	return session.Token, *session.RefreshAfter, true
}

// retriable reports whether a status asks to try again later.
func retriable(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable
}

// failed returns the error of an answer that grants no session.
func failed(response *http.Response, text []byte) *Error {
	failure := &Error{Code: CodeUnexpectedResponse, Status: response.StatusCode,
		RequestID: requestIDOf(response.Header)}
	var body struct {
		Error struct {
			Code    json.RawMessage `json:"code"`
			Details json.RawMessage `json:"details"`
		} `json:"error"`
	}
	if len(text) <= maxAnswer {
		_ = json.Unmarshal(text, &body) // what is not an error of the service has no members
	}
	var code string
	_ = json.Unmarshal(body.Error.Code, &code)
	if header := firstOf(response.Header, envelope.HeaderErrorCode); isWord(header) {
		code = header
	}
	if isWord(code) && response.StatusCode >= http.StatusBadRequest {
		failure.Code = code
	}
	failure.Details = detailsIn(body.Error.Details)
	if retriable(response.StatusCode) {
		failure.RetryAfter = retryAfterOf(response.Header)
	}
	return failure
}

// detailsIn returns the details of an error that are in the form of the service.
func detailsIn(text json.RawMessage) []Detail {
	var all []json.RawMessage
	if json.Unmarshal(text, &all) != nil {
		return nil
	}
	var details []Detail
	for _, each := range all[:min(len(all), maxDetails)] {
		var words struct{ Field, Rule string }
		if json.Unmarshal(each, &words) != nil || !isWord(words.Field) || !isWord(words.Rule) {
			continue
		}
		detail := Detail{Field: words.Field, Rule: words.Rule}
		var bounds struct{ Min, Max *int }
		if json.Unmarshal(each, &bounds) == nil && bounds.Min != nil && bounds.Max != nil &&
			*bounds.Min >= 0 && *bounds.Max >= 0 {
			detail.Min, detail.Max = *bounds.Min, *bounds.Max
		}
		details = append(details, detail)
	}
	return details
}

// firstOf returns the first element of a header that has one: two servers may have set it.
func firstOf(header http.Header, name string) string {
	first, _, _ := strings.Cut(header.Get(name), ",")
	return strings.TrimSpace(first)
}

// isWord reports whether text is a word of the service's errors. Anything else is not shown.
func isWord(text string) bool {
	return text != "" && len(text) <= maxCode && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz_") == ""
}

func requestIDOf(header http.Header) string {
	if id := header.Get(envelope.HeaderRequestID); strict.Plain(id, maxRequestID) {
		return id
	}
	return ""
}

// retryAfterOf returns the longest of the waits in Retry-After, which each proxy may add, or 0.
func retryAfterOf(header http.Header) time.Duration {
	var longest time.Duration
	for _, value := range header.Values(envelope.HeaderRetryAfter) {
		for each := range strings.SplitSeq(value, ",") {
			longest = max(longest, seconds(each))
		}
	}
	return longest
}

// seconds returns a number of seconds of at least one, or 0 if text is anything else.
func seconds(text string) time.Duration {
	text = strings.TrimSpace(text)
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return 0
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		n = maxSeconds // there are too many digits
	}
	return time.Duration(min(max(n, 1), maxSeconds)) * time.Second
}

// quoted matches the strings in a header: the names of limits.
var quoted = regexp.MustCompile(`"[^"]*"`)

// limitWait returns how long the limits of a RateLimit header that have no grant left ask to wait.
func limitWait(header http.Header) time.Duration {
	var longest time.Duration
	for _, line := range header.Values("RateLimit") {
		for limit := range strings.SplitSeq(quoted.ReplaceAllLiteralString(line, ""), ",") {
			var wait time.Duration
			spent := false
			for parameter := range strings.SplitSeq(limit, ";") {
				name, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
				switch name {
				case "r":
					spent = value == "0"
				case "t":
					wait = seconds(value)
				}
			}
			if spent {
				longest = max(longest, wait)
			}
		}
	}
	return longest
}
