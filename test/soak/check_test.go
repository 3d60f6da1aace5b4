package soak_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// The tests of this file check the checks: a run in which everything is right does not.

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// second returns a span of 10 ms that begins a number of seconds after noon.
func second(n int) span {
	at := noon.Add(time.Duration(n) * time.Second)
	return span{at, at.Add(10 * time.Millisecond)}
}

func TestCountsGrantsInEveryWindow(t *testing.T) {
	moved := storages{moved: second(2000).sent, locals: map[*process][]span{
		{}: {{second(1000).sent, second(1010).sent}, {second(1020).sent, second(1021).sent}},
		{}: {{second(1005).sent, second(1006).sent}},
	}}
	for name, grants := range map[string]struct {
		at   []int
		want most
	}{
		"one window":                 {[]int{0, 1, 59}, most{1: 3}},
		"half open":                  {[]int{0, 60}, most{1: 1}},
		"the fullest":                {[]int{0, 30, 61, 70, 80}, most{1: 4}},
		"both own storages":          {[]int{990, 995}, most{3: 2}},
		"one own storage, once":      {[]int{1008}, most{2: 1}},
		"the storage before and now": {[]int{1999}, most{2: 1}},
		"after the move":             {[]int{2000}, most{1: 1}},
	} {
		var spans []span
		for _, at := range grants.at {
			spans = append(spans, second(at))
		}
		assert.Equal(t, grants.want, moved.count(spans), name)
	}
}

func TestJudgesErrorsByTheirFault(t *testing.T) {
	post := request{method: http.MethodPost, want: []int{200}}
	get := request{kind: current, method: http.MethodGet, want: []int{200},
		session: issued{kid: "old", expires: second(50).sent}}
	header := func(code string) http.Header {
		return http.Header{"X-Error-Code": {code}, "Www-Authenticate": {"Bearer"}, "Retry-After": {"1"}}
	}
	quiet := func(*rules) {}
	killed := func(r *rules) { r.killed = second(9).sent }
	revoked := func(r *rules) { r.revoked, r.began = "old", second(9).sent }
	everywhere := func(r *rules) { revoked(r); r.everywhere = second(9).done }
	other := func(r *rules) { r.revoked, r.began = "other", second(9).sent }
	for name, c := range map[string]struct {
		fault   func(*rules)
		request request
		answer  answer
		want    string // the excuse; empty for a violation
	}{
		"lost":            {killed, post, answer{err: errors.New("reset")}, ""},
		"POST after kill": {killed, post, answer{status: 502}, excuseKilled},
		"GET after kill":  {killed, get, answer{status: 502}, ""},
		"POST in calm":    {quiet, post, answer{status: 502}, ""},
		"long after kill": {killed, post, answer{status: 502, span: second(20)}, ""},
		"revoked":         {revoked, get, answer{status: 401, header: header("invalid_token")}, excuseKey},
		"still accepted":  {everywhere, get, answer{status: 200}, ""},
		"new key": {other, get, answer{status: 401, header: header("invalid_token")},
			excuseSpread},
		"sound":     {quiet, get, answer{status: 401, header: header("invalid_token")}, ""},
		"too early": {quiet, get, answer{status: 401, header: header("expired_token")}, ""},
		"expired": {quiet, get,
			answer{status: 401, header: header("expired_token"), span: second(60)}, excuseEnded},
		"503": {quiet, get, answer{status: 503, header: header("service_unavailable")}, ""},
		"503, stall": {func(r *rules) { r.awake(second(7).sent, second(8).sent) }, get,
			answer{status: 503, header: header("service_unavailable")}, excuseStall},
		"429 bare": {quiet, request{kind: flood, want: []int{429}}, answer{status: 429}, ""},
	} {
		var r rules
		c.fault(&r)
		if c.answer.sent.IsZero() {
			c.answer.span = second(10)
		}
		got := r.judge(c.request, c.answer)
		assert.Equal(t, c.want, got.excuse, name)
		assert.Equal(t, c.want == "", got.violation != "", name)
	}
}

func TestInspectorFindsWhatNoLineMayHold(t *testing.T) {
	const token = "eyJraWQiOiJhIn0.eyJzdWIiOiJhIn0.q0Xv7Gm2Jw9sTzYhB4nLkRcEoAiUd8Pf3Vx6MgQyHbEq0Xv7Gm2"
	for line, leaks := range map[string]int{
		`{"event":"http_request","request_id":"8e0f1d6e-54c5-4b1a-9d4f-1a2b3c4d5e6f"}`: 0,
		`{"token":"` + token + `"}`:            1,
		`{"install":"` + idMark + `7"}`:        1,
		`{"from":"` + floodedAddress + `:80"}`: 1,
		`{"from":"` + addressMark + `3.4"}`:    1,
	} {
		i := newInspector()
		i.inspect(line)
		i.issued(token) // the log may be faster than the response
		_, found := i.found()
		assert.Len(t, found, leaks, line)
	}
}
