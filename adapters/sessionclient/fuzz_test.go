package sessionclient_test

import (
	"errors"
	"net/http"
	"regexp"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/adapters/sessionclient"
)

// sendable is what may be sent as a token.
var sendable = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

// FuzzStored reads any text from the storage: the result is an installation and a session, or one
// without a session, or nothing.
func FuzzStored(f *testing.F) {
	for _, seed := range []string{"", "null", "[]", "{}", `{"version":1}`,
		sessionclient.Text("install-12345", "a.b"), sessionclient.Text("install-12345", ""),
		`{"version":2,"install_id":"install-12345","session_token":"a.b"}`,
		`{"version":1.0,"install_id":"install-12345","session_token":"a.b"}`,
		`{"version":1,"install_id":"\ud800install","session_token":"a\nb"}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, token := sessionclient.Held(text)
		if token != "" {
			assert.Regexp(t, sendable, token)
			assert.NotEmpty(t, id)
		}
		if id != "" {
			assert.GreaterOrEqual(t, utf8.RuneCountInString(id), 8)
			assert.LessOrEqual(t, utf8.RuneCountInString(id), 128)
		}
		again, same := sessionclient.Held(sessionclient.Text(id, token))
		assert.Equal(t, id, again)
		assert.Equal(t, token, same)
	})
}

// FuzzAnswer has the service answer anything: the result is a token that can be sent, or an *Error,
// and no wait is longer than the longest.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []struct {
		status                             int
		body, code, retryAfter, limit, ids string
	}{
		{200, sessionBody("a.b", 97), "", "", `"ip";r=0;t=60, "network";r=3;t=5`, "r-1"},
		{200, sessionBody("a b", 97), "", "", `r=0`, ""},
		{200, sessionBody("a", 1<<40), "", "", `;;=,`, ""},
		{429, "", "session_rate_limited", "60", "", ""},
		{429, "", "", "99999999999999999999", "", ""},
		{503, `{"error":{"code":"service_unavailable"}}`, "", "-1", "", ""},
		{422, `{"error":{"code":"x","details":[{"field":"a","rule":"b","min":1,"max":-1}]}}`, "", "",
			"", ""},
		{302, "", "ünknown", "", "", "a b"},
	} {
		f.Add(seed.status, seed.body, seed.code, seed.retryAfter, seed.limit, seed.ids)
	}
	f.Fuzz(func(t *testing.T, status int, body, code, retryAfter, limit, requestID string) {
		synctest.Test(t, func(t *testing.T) {
			service := &service{}
			service.answer = func(*http.Request) (*http.Response, error) {
				if service.seen() > 1 {
					return nil, nil
				}
				return reply(status, body, "X-Error-Code", code, "Retry-After", retryAfter,
					"RateLimit", limit, "X-Request-ID", requestID), nil
			}
			client, began := newClient(t, service, nil), time.Now()
			token, err := client.Token(t.Context())
			assert.LessOrEqual(t, time.Since(began), 150*time.Second)
			if err == nil {
				assert.Regexp(t, sendable, token)
				return
			}
			failure, ok := errors.AsType[*sessionclient.Error](err)
			if !ok {
				t.Fatalf("not an *Error: %v", err)
			}
			assert.Regexp(t, `^[a-z_]{1,64}$`, failure.Code)
			assert.Regexp(t, `^[A-Za-z0-9._-]{0,128}$`, failure.RequestID)
			assert.GreaterOrEqual(t, failure.RetryAfter, time.Duration(0))
			assert.True(t, utf8.ValidString(err.Error()))
		})
	})
}
