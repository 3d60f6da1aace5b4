package faults_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/offload/sessiond/test/harness"
)

// verdict classifies the answer to a request for a new session. Exactly one of granted, refused,
// byPolicy and violation is set.
type verdict struct {
	// granted is a session that a limit counted; refused is a 429.
	granted, refused bool
	// byPolicy is an answer without a decision: a 503, under deny or from a busy replica, or a
	// session without RateLimit fields under allow.
	byPolicy bool
	// violation says how the answer violates the contract.
	violation string
	token     string
}

// rules is what an answer depends on.
type rules struct {
	policy string
	// busy means that the replicas are short of CPU, so that they may answer 503 under any policy.
	busy bool
}

// judge checks an answer against the contract under the rules.
func judge(answer harness.Response, err error, under rules) verdict {
	if err != nil {
		return verdict{violation: "no answer: " + err.Error()}
	}
	violation := func(reason string) verdict {
		return verdict{violation: fmt.Sprintf("%s: %d %v %s", reason, answer.Status, answer.Header,
			answer.Body)}
	}
	limits := answer.Header.Get("RateLimit") != "" && answer.Header.Get("RateLimit-Policy") != ""
	if !limits && (answer.Header.Get("RateLimit") != "" ||
		answer.Header.Get("RateLimit-Policy") != "") {
		return violation("one RateLimit field without the other")
	}
	if answer.Header.Get("X-Request-Id") == "" || answer.Header.Get("Cache-Control") != "no-store" {
		return violation("missing X-Request-Id, or Cache-Control is not no-store")
	}
	switch answer.Status {
	case http.StatusOK:
		var session harness.Session
		if json.Unmarshal([]byte(answer.Body), &session) != nil || session.Token == "" ||
			session.ExpiresIn <= 0 || session.RefreshAfter <= 0 {
			return violation("invalid session")
		}
		if limits {
			return verdict{granted: true, token: session.Token}
		}
		if under.policy != allow {
			return violation("session without RateLimit fields")
		}
		return verdict{byPolicy: true, token: session.Token}
	case http.StatusTooManyRequests:
		seconds, err := strconv.Atoi(answer.Header.Get("Retry-After"))
		switch {
		case err != nil || seconds < 1 || seconds > 2*windowSeconds: // a wait, and a share
			return violation("invalid Retry-After")
		case !limits:
			return violation("refusal without RateLimit fields")
		case !isError(answer, "session_rate_limited", "Too many session requests; retry later"):
			return violation("invalid error body")
		}
		return verdict{refused: true}
	case http.StatusServiceUnavailable:
		switch {
		case under.policy != deny && !under.busy:
			return violation("503 under a policy other than deny")
		case answer.Header.Get("Retry-After") != "1":
			return violation("Retry-After is not 1")
		case limits:
			return violation("RateLimit fields without a decision")
		case !isError(answer, "service_unavailable", "Service unavailable; retry later"):
			return violation("invalid error body")
		}
		return verdict{byPolicy: true}
	}
	return violation("unexpected status")
}

// isError reports whether an answer's body is that error and nothing else.
func isError(answer harness.Response, code, message string) bool {
	want, err := json.Marshal(map[string]any{"error": map[string]string{
		"code": code, "message": message, "request_id": answer.Header.Get("X-Request-Id"),
	}})
	if err != nil {
		return false
	}
	var gotBody, wantBody any
	if json.Unmarshal([]byte(answer.Body), &gotBody) != nil ||
		json.Unmarshal(want, &wantBody) != nil {
		return false
	}
	return fmt.Sprint(gotBody) == fmt.Sprint(wantBody) && answer.Code() == code &&
		answer.Header.Get("Content-Type") == "application/json"
}
