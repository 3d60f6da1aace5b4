package api

import (
	"net/http"
	"time"

	"github.com/dunglas/httpsfv"

	"github.com/offload/sessiond/domain/throttle"
)

// The names of the headers, spelled as the draft spells them. RateLimit is not in canonical form.
const (
	headerRateLimit       = "RateLimit"
	headerRateLimitPolicy = "RateLimit-Policy"
)

// setRateLimit reports the remaining quota to the client, so that it can pace itself
// (draft-ietf-httpapi-ratelimit-headers). Without a decision it sets no header.
func setRateLimit(header http.Header, decision *throttle.Decision) {
	if !decision.Decided() {
		return
	}
	var policies, limits httpsfv.List
	for i := range decision.Len() {
		standing := decision.At(i)
		name := standing.Check.Dimension.String()
		policy := httpsfv.NewItem(name)
		policy.Params.Add("q", int64(standing.Check.Limit))
		policy.Params.Add("w", int64(standing.Check.Window/time.Second))
		policies = append(policies, policy)
		limit := httpsfv.NewItem(name)
		limit.Params.Add("r", int64(standing.Remaining))
		if standing.ResetAfter > 0 {
			limit.Params.Add("t", int64(throttle.Seconds(standing.ResetAfter)))
		}
		limits = append(limits, limit)
	}
	setList(header, headerRateLimitPolicy, policies)
	setList(header, headerRateLimit, limits)
}

func setList(header http.Header, name string, list httpsfv.List) {
	text, err := httpsfv.Marshal(list)
	if err != nil {
		panic(err) // cannot happen: names and numbers are set by this service
	}
	header[name] = []string{text}
}
