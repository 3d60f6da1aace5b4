package bound_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/proof"
	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/device"
	"github.com/offload/sessiond/test/vectors"
)

// all are the vectors of the contract.
var all = vectors.DPoP()

// judge is a service of which a test reads why it rejected a proof.
type judge struct {
	*harness.InProcess
	counts map[string]float64
}

func newJudge(t *testing.T, more harness.Env) *judge {
	t.Helper()
	j := &judge{InProcess: harness.Serve(t, env("accept", more))}
	j.counts = j.read(t)
	return j
}

func (j *judge) read(t *testing.T) map[string]float64 {
	t.Helper()
	counts := map[string]float64{"": j.Metric(t, `offload_proofs_total{reason=""}`)}
	for _, reason := range proof.Reasons() {
		counts[string(reason)] = j.Metric(t, `offload_proofs_total{reason="`+string(reason)+`"}`)
	}
	return counts
}

// reason returns the reason that was counted since the last call; none, if no proof was judged.
func (j *judge) reason(t *testing.T) string {
	t.Helper()
	now, found := j.read(t), []string{}
	for reason, count := range now {
		for range int(count - j.counts[reason]) {
			found = append(found, reason)
		}
	}
	j.counts = now
	switch len(found) {
	case 0:
		return "none"
	case 1:
		return found[0]
	}
	return strings.Join(found, "+")
}

// at sets the wall clock, and lets the instants of all proofs before be forgotten.
func (j *judge) at(now time.Time) {
	j.Clock.Advance(proof.Memory)
	j.Clock.Step(now.Sub(j.Clock.Now()))
}

// assertWant compares the answer and the reason with a vector.
func (j *judge) assertWant(t *testing.T, want vectors.ProofWant, answer harness.Response) {
	t.Helper()
	reason := j.reason(t)
	if want.Expect == "valid" {
		assert.Equal(t, "", reason)
		assertCode(t, answer, "")
		return
	}
	assert.Contains(t, append(want.Also, want.Expect), reason)
	assertCode(t, answer, map[string]string{"invalid_dpop_proof": "invalid_proof",
		"use_dpop_nonce": "proof_nonce_required"}[all.Codes[reason]])
}

// send sends a request to issue with proofs as they are.
func (j *judge) send(t *testing.T, id string, proofs []string) harness.Response {
	t.Helper()
	var headers []harness.Header
	for _, text := range proofs {
		headers = append(headers, dpop(text))
	}
	return j.Issue(t, id, headers...)
}

// sendable reports whether HTTP carries the proofs as they are.
func sendable(proofs []string) bool {
	for _, text := range proofs {
		if strings.TrimSpace(text) != text || strings.ContainsAny(text, "\r\n\x00") {
			return false
		}
	}
	return true
}

// TestVectorsOfRequests sends the cases that are requests to issue.
func TestVectorsOfRequests(t *testing.T) {
	t.Parallel()
	j := newJudge(t, nil)
	sent := 0
	for _, c := range all.Cases {
		// The nonces of the cases are not those of the service.
		if c.Scheme != "" || c.Method != http.MethodPost || c.URI != issueURI || c.Nonce != nil ||
			!sendable(c.DPoP) {
			continue
		}
		sent++
		t.Run(c.Name, func(t *testing.T) {
			j.at(c.Now.Time)
			id := c.KeyThumbprint
			if id == "" {
				id = all.Thumbprints["device-a"]
			}
			j.assertWant(t, c.ProofWant, j.send(t, id, c.DPoP))
		})
	}
	assert.Greater(t, sent, 60)
}

func TestVectorsOfSequences(t *testing.T) {
	t.Parallel()
	j := newJudge(t, nil)
	for _, c := range all.Sequences {
		t.Run(c.Name, func(t *testing.T) {
			j.at(c.Steps[0].At.Time)
			for _, step := range c.Steps {
				j.Clock.Advance(step.At.Sub(j.Clock.Now()))
				parsed, err := proof.Parse(step.DPoP)
				require.NoError(t, err)
				if step.Method != http.MethodPost {
					continue // no request to issue
				}
				j.assertWant(t, step.ProofWant, j.send(t, parsed.Key().Text(), step.DPoP))
			}
		})
	}
}

// deviceOf returns the device with a key of the vectors.
func deviceOf(t *testing.T, thumbprint string) device.Key {
	t.Helper()
	for name, text := range all.Keys {
		var jwk struct{ Kty, D string }
		require.NoError(t, json.Unmarshal(text, &jwk))
		private, err := base64.RawURLEncoding.DecodeString(jwk.D)
		require.NoError(t, err)
		if all.Thumbprints[name] != thumbprint || jwk.D == "" {
			continue
		}
		newKey := keys.NewEdDSA
		if jwk.Kty == "EC" {
			newKey = keys.NewES256
		}
		of := device.Of(newKey("device", private, keys.Plan{}))
		require.Equal(t, thumbprint, of.Thumbprint)
		return of
	}
	require.Fail(t, "no such key", thumbprint)
	return device.Key{}
}

func TestVectorsOfInstallIDs(t *testing.T) {
	t.Parallel()
	j := newJudge(t, nil)
	for _, c := range all.InstallIDs {
		t.Run(c.Name, func(t *testing.T) {
			var proofs []string
			if c.Thumbprint != "" {
				proofs = append(proofs, deviceOf(t, c.Thumbprint).Proof(device.For(http.MethodPost,
					issueURI, j.Clock.Now())))
			}
			answer := j.send(t, c.InstallID, proofs)
			reason := j.reason(t)
			switch c.Expect {
			case "bound", "unbound":
				version := map[string]string{"bound": `{"v":3,`, "unbound": `{"v":2,`}[c.Expect]
				assert.True(t, strings.HasPrefix(harness.PayloadOf(t, answer.Session(t).Token), version))
				assert.Equal(t, map[string]string{"bound": "", "unbound": "none"}[c.Expect], reason)
			default:
				assert.Equal(t, c.Expect, reason)
				assertCode(t, answer, "invalid_proof")
			}
		})
	}
}

// TestVectorsOfProxies sends the sub-requests of proxies. The tokens of the vectors are not of this
// service, so the proofs are made anew, with the same claims for a token of it.
func TestVectorsOfProxies(t *testing.T) {
	t.Parallel()
	j := newJudge(t, harness.BehindProxy(nil))
	stranger := j.From(t, "127.0.0.2")
	for _, c := range all.Forwarded {
		t.Run(c.Name, func(t *testing.T) {
			j.at(c.Now.Time)
			key := deviceOf(t, c.Thumbprint)
			token := issue(t, j.Client, key, j.Clock.Now()).Session(t).Token
			require.Equal(t, "", j.reason(t))
			var claims device.Claims
			payload, err := base64.RawURLEncoding.DecodeString(strings.Split(c.DPoP, ".")[1])
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(payload, &claims))
			lines := []string{"Authorization: DPoP " + token,
				"DPoP: " + key.Proof(claims.ForToken(token)), "X-Request-ID: vector"}
			for _, header := range c.Headers {
				lines = append(lines, header[0]+": "+header[1])
			}
			text := strings.Replace(harness.RawRequest(c.Request.Method, c.Request.Target, "",
				lines...), "Host: sessiond", "Host: "+c.Request.Host, 1)
			client := j.Client
			if !c.Trusted {
				client = stranger
			}
			j.assertWant(t, c.ProofWant, client.Exchange(t, c.Request.Method, text))
		})
	}
}
