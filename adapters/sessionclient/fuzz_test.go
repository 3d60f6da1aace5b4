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
	"github.com/stretchr/testify/require"

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

// FuzzChallenge has the service and the application ask for a nonce with any headers: a nonce is
// sent once and exactly, or not at all, and the time of a proof stays one that can be written.
func FuzzChallenge(f *testing.F) {
	for _, seed := range []struct{ code, challenge, nonce, date string }{
		{"proof_nonce_required", "", "n", "Mon, 16 Feb 2026 12:00:00 GMT"},
		{"", `Bearer realm="x", DPoP error="use_dpop_nonce", algs="ES256 EdDSA"`, `a"\\b`, "now"},
		{"", `DPoP error="use_dpop_nonce`, "", "Sat, 01 Jan 0000 00:00:00 GMT"},
		{"invalid_proof", `DPoP error=use_dpop_nonce`, "a b", "Fri, 31 Dec 9999 23:59:59 GMT"},
	} {
		f.Add(seed.code, seed.challenge, seed.nonce, seed.date)
	}
	f.Fuzz(func(t *testing.T, code, challenge, nonce, date string) {
		ask := func() *http.Response {
			return reply(401, "", "X-Error-Code", code, "WWW-Authenticate", challenge,
				"DPoP-Nonce", nonce, "Date", date)
		}
		service := &service{}
		service.answer = func(*http.Request) (*http.Response, error) {
			if service.seen() > 1 {
				return nil, nil
			}
			return ask(), nil
		}
		client := newClient(t, service, withKey)
		if _, err := client.Token(t.Context()); err != nil {
			require.Equal(t, 1, service.seen())
			_, err = client.Token(t.Context())
			require.NoError(t, err)
		} else {
			require.Equal(t, nonce, claimsOf(t, service.last).Nonce)
		}
		var sent []claims
		base := roundTripper(func(r *http.Request) (*http.Response, error) {
			sent = append(sent, claimsOf(t, r.Header))
			return ask(), nil
		})
		request, err := http.NewRequest("GET", applicationURL, nil)
		require.NoError(t, err)
		_, err = client.RoundTripper(base).RoundTrip(request)
		require.NoError(t, err)
		require.LessOrEqual(t, len(sent), 4)
		for i, each := range sent {
			assert.Positive(t, each.At)
			assert.Less(t, each.At, int64(1)<<40)
			if each.Nonce != "" {
				assert.Equal(t, nonce, each.Nonce)
				assert.Equal(t, 1, i)
			}
		}
	})
}
