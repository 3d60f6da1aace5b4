package faults_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/offload/sessiond/test/harness"
)

// verdict is what an answer to a request for a new session comes to: one of granted, refused,
// standIn and wrong.
type verdict struct {
	// granted is a session that was counted, and refused a 429.
	granted, refused bool
	// standIn is an answer of the policy's that nobody decided: a 503 under deny, a session without
	// RateLimit fields under allow.
	standIn bool
	// wrong is what the contract knows no such answer by.
	wrong string
	token string
}

// judge holds an answer against the contract, under that policy.
func judge(answer harness.Response, err error, policy string) verdict {
	if err != nil {
		return verdict{wrong: "no answer: " + err.Error()}
	}
	wrong := func(why string) verdict {
		return verdict{wrong: fmt.Sprintf("%s: %d %v %s", why, answer.Status, answer.Header,
			answer.Body)}
	}
	limits := answer.Header.Get("RateLimit") != "" && answer.Header.Get("RateLimit-Policy") != ""
	if !limits && (answer.Header.Get("RateLimit") != "" ||
		answer.Header.Get("RateLimit-Policy") != "") {
		return wrong("one RateLimit field without the other")
	}
	if answer.Header.Get("X-Request-Id") == "" || answer.Header.Get("Cache-Control") != "no-store" {
		return wrong("headers that every answer has")
	}
	switch answer.Status {
	case http.StatusOK:
		var session harness.Session
		if json.Unmarshal([]byte(answer.Body), &session) != nil || session.Token == "" ||
			session.ExpiresIn <= 0 || session.RefreshAfter <= 0 {
			return wrong("no session")
		}
		if limits {
			return verdict{granted: true, token: session.Token}
		}
		if policy != allow {
			return wrong("a session that nobody counted")
		}
		return verdict{standIn: true, token: session.Token}
	case http.StatusTooManyRequests:
		seconds, err := strconv.Atoi(answer.Header.Get("Retry-After"))
		switch {
		case err != nil || seconds < 1 || seconds > windowSeconds:
			return wrong("Retry-After")
		case !limits:
			return wrong("a refusal without RateLimit fields")
		case !enveloped(answer, "session_rate_limited", "Too many session requests; retry later"):
			return wrong("envelope")
		}
		return verdict{refused: true}
	case http.StatusServiceUnavailable:
		switch {
		case policy != deny:
			return wrong("503")
		case answer.Header.Get("Retry-After") != "1":
			return wrong("Retry-After")
		case limits:
			return wrong("RateLimit fields that nobody decided")
		case !enveloped(answer, "service_unavailable", "Service unavailable; retry later"):
			return wrong("envelope")
		}
		return verdict{standIn: true}
	}
	return wrong("status")
}

// enveloped reports whether an answer is that error in the envelope, with nothing beside it.
func enveloped(answer harness.Response, code, message string) bool {
	want, err := json.Marshal(map[string]any{"error": map[string]string{
		"code": code, "message": message, "request_id": answer.Header.Get("X-Request-Id"),
	}})
	if err != nil {
		return false
	}
	var got, wanted any
	if json.Unmarshal([]byte(answer.Body), &got) != nil || json.Unmarshal(want, &wanted) != nil {
		return false
	}
	return fmt.Sprint(got) == fmt.Sprint(wanted) && answer.Code() == code &&
		answer.Header.Get("Content-Type") == "application/json"
}
