package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/offload/sessiond/domain/throttle"
)

// The names of the headers, spelled as the draft spells them. RateLimit is not in canonical form.
const (
	headerRateLimit       = "RateLimit"
	headerRateLimitPolicy = "RateLimit-Policy"
)

// setRateLimit reports the remaining quota to the client, so that it can pace itself
// (draft-ietf-httpapi-ratelimit-headers). Without a decision it sets no header.
//
// The fields are lists of RFC 9651, written without a library for those, which allocates much: a
// dimension's name is a string that needs no escapes, and the parameters are integers. A test
// compares them with what a library writes.
func setRateLimit(header http.Header, decision *throttle.Decision) {
	if !decision.Decided() {
		return
	}
	var space [256]byte // for both
	var second [128]byte
	policies, limits := space[:0], second[:0]
	for i := range decision.Len() {
		state := decision.At(i)
		if state.Check.Dimension == throttle.ByProof {
			continue // no quota: a client makes as many proofs as it needs
		}
		name := state.Check.Dimension.String()
		policies = appendItem(policies, name)
		policies = appendParameter(policies, 'q', state.Check.Limit)
		policies = appendParameter(policies, 'w', int(state.Check.Window/time.Second))
		limits = appendItem(limits, name)
		limits = appendParameter(limits, 'r', state.Remaining)
		if state.ResetAfter > 0 {
			limits = appendParameter(limits, 't', throttle.Seconds(state.ResetAfter))
		}
	}
	if len(policies) == 0 {
		return
	}
	text := string(append(policies, limits...))
	values := []string{text[:len(policies)], text[len(policies):]}
	header[headerRateLimitPolicy], header[headerRateLimit] = values[:1:1], values[1:]
}

// appendItem appends an item of a list, a string (RFC 9651 §3.1, §4.1.6).
func appendItem(list []byte, name string) []byte {
	if len(list) > 0 {
		list = append(list, ", "...)
	}
	list = append(list, '"')
	list = append(list, name...)
	return append(list, '"')
}

// appendParameter appends a parameter of the last item, an integer (RFC 9651 §4.1.1.2).
func appendParameter(list []byte, name byte, value int) []byte {
	return strconv.AppendInt(append(list, ';', name, '='), int64(value), 10)
}
