package keys_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/test/harness"
)

// The oracle of a rotation derives what a response must be from the files that were written, and
// when. It parses files, plans and published sets itself and does not use the code under test.

// plan is what a keyset file says about one key.
type plan struct {
	Kid         keys.ID
	Alg         keys.Algorithm
	X, Y        string
	SignFrom    time.Time `json:"sign_from"`
	VerifyUntil time.Time `json:"verify_until"`
	Revoked     bool
}

// plansIn returns the plans in the text of a keyset file.
func plansIn(t *testing.T, text string) []plan {
	t.Helper()
	var set struct{ Keys []plan }
	require.NoError(t, json.Unmarshal([]byte(text), &set))
	return set.Keys
}

// ended reports whether the key is out of force at an instant.
func (p plan) ended(at time.Time) bool {
	return p.Revoked || !p.VerifyUntil.IsZero() && !at.Before(p.VerifyUntil)
}

// replicas is the number of replicas that share the keyset.
const replicas = 2

// The RateLimit-Policy of a renewal and of a new session.
const (
	renewal  = `"renewal";q=10000;w=1, "renewal_ip";q=10000;w=1`
	newcomer = `"ip";q=10000;w=1, "install_id";q=10000;w=1`
)

// epoch is the period of one keyset.
type epoch struct {
	plans []plan
	// begun is an instant before the keyset was written. Until then it is in force nowhere.
	begun time.Time
	// inForce is the instant from which the keyset is certainly in force, by replica.
	inForce [replicas]time.Time
}

// nowhere is the inForce of a keyset that no replica has loaded yet.
var nowhere = [replicas]time.Time{time.Unix(1<<40, 0), time.Unix(1<<40, 0)}

// history lists every valid keyset, in order.
type history []epoch

// possible returns the keysets that may have been in force at some instant of an interval.
func (h history) possible(replica int, from, to time.Time) [][]plan {
	var possible [][]plan
	for n, epoch := range h {
		over := n+1 < len(h) && !h[n+1].inForce[replica].After(from)
		if !over && !epoch.begun.After(to) {
			possible = append(possible, epoch.plans)
		}
	}
	return possible
}

// force is what is known about a key over an interval.
type force uint8

const (
	uncertain force = iota
	inForce         // at every instant
	outOfForce
)

// String implements fmt.Stringer.
func (f force) String() string {
	return [...]string{"in force or not", "in force", "out of force"}[f]
}

// of returns what is known about a key over an interval.
func (h history) of(kid keys.ID, replica int, from, to time.Time) force {
	possible := h.possible(replica, from, to)
	in, out := 0, 0
	for _, plans := range possible {
		at := slices.IndexFunc(plans, func(p plan) bool { return p.Kid == kid })
		switch {
		case at < 0 || plans[at].ended(from):
			out++
		case !plans[at].ended(to):
			in++
		}
	}
	switch len(possible) {
	case in:
		return inForce
	case out:
		return outOfForce
	}
	return uncertain
}

// signs returns the key that signs at an instant according to one keyset.
func signs(plans []plan, at time.Time) plan {
	var signer plan
	for _, p := range plans {
		later := p.SignFrom.After(signer.SignFrom) || p.SignFrom.Equal(signer.SignFrom) &&
			p.Kid > signer.Kid
		if !at.Before(p.SignFrom) && !p.ended(at) && (signer.Kid == "" || later) {
			signer = p
		}
	}
	return signer
}

// publishes returns the published set of one keyset at an instant.
func publishes(plans []plan, at time.Time) []map[string]string {
	set := []map[string]string{}
	for _, p := range plans {
		switch {
		case p.ended(at):
		case p.Alg == keys.EdDSA:
			set = append(set, map[string]string{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA",
				"use": "sig", "kid": string(p.Kid), "x": p.X})
		case p.Alg == keys.ES256:
			set = append(set, map[string]string{"kty": "EC", "crv": "P-256", "alg": "ES256",
				"use": "sig", "kid": string(p.Kid), "x": p.X, "y": p.Y})
		}
	}
	return set
}

// question is what a client requested.
type question uint8

const (
	askedToIssue question = iota
	askedForCurrent
	askedToVerify
	askedForKeys
	askedForReadiness
)

// String implements fmt.Stringer.
func (q question) String() string {
	return [...]string{"issue", "current", "verify", "keys", "readiness"}[q]
}

// sighting is a request and its response.
type sighting struct {
	question question
	replica  int
	// from is an instant before the request, to an instant after the response.
	from, to time.Time
	// bearer is the key that signed the token of the request, empty if there was none; issuedBy is
	// the replica that issued it.
	bearer   keys.ID
	issuedBy int
	// status, code and body are those of the response. The body is left out if it was decoded, to
	// save memory.
	status     int
	code, body string
	// issued is the stamp of the new token, and policy the RateLimit-Policy.
	issued harness.Stamp
	policy string
	// wrong is a problem of the response itself, or the error if there was no response.
	wrong string
}

// judge returns what is wrong with a response, or an empty string.
func (h history) judge(s sighting) string {
	if s.wrong != "" {
		return s.wrong
	}
	switch s.question {
	case askedToIssue:
		return h.judgeIssued(s)
	case askedForKeys:
		return h.judgeKeys(s)
	case askedForReadiness:
		if s.status != http.StatusOK {
			return fmt.Sprintf("%d %s", s.status, s.body)
		}
		return ""
	case askedForCurrent, askedToVerify:
	}
	granted, refused := s.status == http.StatusOK,
		s.status == http.StatusUnauthorized && s.code == "invalid_token"
	known := h.of(s.bearer, s.replica, s.from, s.to)
	if !granted && !refused || granted && known == outOfForce || refused && known == inForce {
		return fmt.Sprintf("%d %s, and the key is %s", s.status, s.code, known)
	}
	return ""
}

// judgeIssued compares a new token with the key that signs at its iat, and the RateLimit-Policy
// with the state of the token in the request.
func (h history) judgeIssued(s sighting) string {
	if s.status != http.StatusOK {
		return fmt.Sprintf("%d %s", s.status, s.body)
	}
	if s.issued.Iat < s.from.Unix() || s.issued.Iat > s.to.Unix() {
		return fmt.Sprintf("issued at %d", s.issued.Iat)
	}
	at, sound := time.Unix(s.issued.Iat, 0), false
	for _, plans := range h.possible(s.replica, s.from, s.to) {
		signer := signs(plans, at)
		sound = sound || signer.Kid == s.issued.Kid && signer.Alg == s.issued.Algorithm
	}
	if !sound {
		return fmt.Sprintf("issued by %s at %s", s.issued.Kid, at.UTC().Format(time.TimeOnly))
	}
	known := outOfForce
	if s.bearer != "" {
		known = h.of(s.bearer, s.replica, s.from, s.to)
	}
	if s.policy != renewal && s.policy != newcomer || s.policy == renewal && known == outOfForce ||
		s.policy == newcomer && known == inForce {
		return fmt.Sprintf("asked for %s, and the key of the token that went along is %s", s.policy,
			known)
	}
	return ""
}

// judgeKeys compares a published set with what must be published at the first or the last instant.
// They are never more than one change apart.
func (h history) judgeKeys(s sighting) string {
	var set struct{ Keys []map[string]string }
	err := json.Unmarshal([]byte(s.body), &set)
	for _, plans := range h.possible(s.replica, s.from, s.to) {
		for _, at := range []time.Time{s.from, s.to} {
			if err == nil && s.status == http.StatusOK &&
				reflect.DeepEqual(set.Keys, publishes(plans, at)) {
				return ""
			}
		}
	}
	return fmt.Sprintf("%d %s", s.status, s.body)
}

// TestKeysOracle tests the oracle itself: it must be certain neither too often nor too rarely.
func TestKeysOracle(t *testing.T) {
	t.Parallel()
	noon := harness.Noon
	at := func(ms int) time.Time { return noon.Add(time.Duration(ms) * time.Millisecond) }
	old := plan{Kid: "old", Alg: keys.HS256, SignFrom: at(-3_600_000)}
	ends := old
	ends.VerifyUntil = at(4000)
	h := history{
		{plans: []plan{old}},
		{
			plans:   []plan{ends, {Kid: "new", Alg: keys.EdDSA, X: "public", SignFrom: at(3000)}},
			begun:   at(0),
			inForce: [replicas]time.Time{at(200), at(300)},
		},
	}
	for _, c := range []struct {
		kid      keys.ID
		replica  int
		from, to int
		want     force
	}{
		{"old", 0, -10, 100, inForce},
		{"new", 0, -10, -1, outOfForce},
		{"new", 0, -10, 0, uncertain},
		{"new", 0, 199, 210, uncertain},
		{"new", 0, 200, 210, inForce},
		{"new", 1, 200, 210, uncertain},
		{"new", 1, 300, 310, inForce},
		{"old", 0, 3990, 3999, inForce},
		{"old", 0, 3990, 4000, uncertain},
		{"old", 0, 4000, 4010, outOfForce},
		{"another", 0, 200, 210, outOfForce},
	} {
		assert.Equal(t, c.want, h.of(c.kid, c.replica, at(c.from), at(c.to)), "%+v", c)
	}
	issued := func(kid keys.ID, algorithm keys.Algorithm, from, to, iat int) string {
		return h.judge(sighting{
			from: at(from), to: at(to), status: http.StatusOK, policy: newcomer,
			issued: harness.Stamp{Kid: kid, Algorithm: algorithm, Iat: at(iat).Unix()},
		})
	}
	assert.Empty(t, issued("old", keys.HS256, 2990, 2999, 2000))
	assert.Empty(t, issued("old", keys.HS256, 2990, 3010, 2000))
	assert.Empty(t, issued("new", keys.EdDSA, 2990, 3010, 3000))
	assert.NotEmpty(t, issued("new", keys.EdDSA, 2990, 3010, 2000), "too early")
	assert.NotEmpty(t, issued("old", keys.HS256, 2990, 3010, 3000), "too late")
	assert.NotEmpty(t, issued("new", keys.HS256, 2990, 3010, 3000), "not in the key's form")
	assert.NotEmpty(t, issued("old", keys.HS256, 2010, 2020, 1000), "at another time")

	published := func(from, to int, body string) string {
		return h.judge(sighting{question: askedForKeys, from: at(from), to: at(to),
			status: http.StatusOK, body: body})
	}
	const none, one = `{"keys":[]}`,
		`{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","use":"sig","kid":"new","x":"public"}]}`
	assert.Empty(t, published(-10, 10, none))
	assert.Empty(t, published(-10, 10, one))
	assert.Empty(t, published(200, 210, one), "pending, and published")
	assert.NotEmpty(t, published(200, 210, none))
	assert.NotEmpty(t, published(-10, -1, one))
	assert.NotEmpty(t, published(200, 210, strings.Replace(one, `"x"`, `"d":"private","x"`, 1)))
}
