package proof_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/failure"
	"github.com/offload/sessiond/domain/proof"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/test/vectors"
)

// anInstallID is the install id of tokens that are bound to no key.
const anInstallID = "3f2b8f0a-7f0e-4d52-9a39-0b6f5b1f7b11"

// outcome returns the result of a request with that token: of Access, or of Issue if there is no
// token.
func outcome(t *testing.T, p proof.Presented, token vectors.ProofToken) (proof.Proof, error) {
	t.Helper()
	if token.Scheme == "" {
		// No token: the request is one to issue, for the key of the proof.
		parsed, err := proof.Parse(p.Proofs)
		if err != nil {
			return proof.Proof{}, err
		}
		read, bound, err := p.Issue(installID(t, parsed.Key().Text()), session.BindingAccept)
		assert.Equal(t, err == nil, bound)
		return read, err
	}
	p.Token, p.Bearer = token.Text, token.Scheme == "Bearer"
	id := installID(t, anInstallID)
	if token.Thumbprint != "" {
		id = installID(t, token.Thumbprint)
	}
	return proof.Proof{}, p.Access(token.Thumbprint != "", id)
}

// assertWant compares an outcome with the expected one.
func assertWant(t *testing.T, want vectors.ProofWant, codes map[string]string, err error) {
	t.Helper()
	if want.Expect == "valid" {
		require.NoError(t, err)
		return
	}
	reason := string(reasonOf(t, err))
	assert.Contains(t, append(want.Also, want.Expect), reason)
	assert.Equal(t, map[string]failure.Kind{"invalid_dpop_proof": failure.InvalidProof,
		"use_dpop_nonce": failure.ProofNonceRequired, "invalid_token": failure.InvalidToken,
	}[codes[reason]].Code(), failure.KindOf(err).Code())
}

// TestVectors runs every case of the contract: RFC 9449's own examples among them.
func TestVectors(t *testing.T) {
	all := vectors.DPoP()
	require.Len(t, all.Cases, 122)
	rfc := 0
	for _, c := range all.Cases {
		t.Run(c.Name, func(t *testing.T) {
			p := proof.Presented{Proofs: c.DPoP, Target: proof.NewTarget(c.Method, c.URI),
				Now: c.Now.Time}
			if c.Nonce != nil {
				p.Nonces = accepted(c.Nonce.Accepted)
			}
			got, err := outcome(t, p, c.ProofToken)
			assertWant(t, c.ProofWant, all.Codes, err)
			if c.Expect != "valid" {
				return
			}
			if strings.HasPrefix(c.Name, "rfc9449") {
				rfc++
			}
			if c.Scheme == "" {
				assert.Equal(t, c.KeyThumbprint, got.Key().Text())
				assert.Equal(t, c.KeyThumbprint+"\x00"+c.ID, got.ReplaySubject())
			}
		})
	}
	assert.Equal(t, 3, rfc, "RFC 9449's own examples")
}

// TestVectorsOfReplays remembers accepted proofs as a storage does.
func TestVectorsOfReplays(t *testing.T) {
	all := vectors.DPoP()
	require.Len(t, all.Sequences, 7)
	const kept = 361 * time.Second // what the vectors assume; Memory is longer
	for _, sequence := range all.Sequences {
		t.Run(sequence.Name, func(t *testing.T) {
			memory := map[string]time.Time{}
			for _, step := range sequence.Steps {
				read, err := outcome(t, proof.Presented{Proofs: step.DPoP,
					Target: proof.NewTarget(step.Method, step.URI), Now: step.At.Time},
					vectors.ProofToken{})
				if err == nil {
					if until, known := memory[read.ReplaySubject()]; known &&
						step.At.Before(until) {
						err = &proof.Rejection{Reason: proof.ReasonReplayed}
					} else {
						memory[read.ReplaySubject()] = step.At.Add(kept)
					}
				}
				assertWant(t, step.ProofWant, all.Codes, err)
			}
		})
	}
}

// TestVectorsOfForwardedRequests runs the cases without public origins, with the origins of the
// cases, and with another one, for which every request that a proxy asks about is unknown.
func TestVectorsOfForwardedRequests(t *testing.T) {
	all := vectors.DPoP()
	require.Len(t, all.Forwarded, 10)
	for _, c := range all.Forwarded {
		t.Run(c.Name, func(t *testing.T) {
			request := proof.Request{Method: c.Request.Method, URI: c.Request.Target,
				Host: c.Request.Host, TLS: c.Request.TLS, Trusted: c.Trusted}
			for _, header := range c.Headers {
				values := map[string]*[]string{
					"X-Forwarded-Method": &request.Forwarded.Method,
					"X-Forwarded-Proto":  &request.Forwarded.Proto,
					"X-Forwarded-Host":   &request.Forwarded.Host,
					"X-Forwarded-Uri":    &request.Forwarded.URI,
				}[header[0]]
				require.NotNil(t, values, header[0])
				*values = append(*values, header[1])
			}
			for _, public := range [][]proof.Origin{nil, origins(t, "https://sessions.example.com",
				"https://api.example.com"), origins(t, "https://other.example.com")} {
				want := c.ProofWant
				if len(public) == 1 && c.Trusted {
					want = vectors.ProofWant{Expect: "forwarded"}
				}
				_, err := outcome(t, proof.Presented{Proofs: []string{c.DPoP},
					Target: request.Original("/v1/sessions/verify", public), Now: c.Now.Time},
					c.ProofToken)
				assertWant(t, want, all.Codes, err)
			}
		})
	}
}

// TestVectorsOfInstallIDs runs the cases with binding accepted and with binding required.
func TestVectorsOfInstallIDs(t *testing.T) {
	all := vectors.DPoP()
	require.Len(t, all.InstallIDs, 7)
	proofs := map[string]string{}
	for _, c := range all.Cases {
		if c.Expect == "valid" && c.Scheme == "" && c.Now.Unix() == 1790000000 && c.Nonce == nil {
			proofs[c.KeyThumbprint] = c.DPoP[0]
		}
	}
	for _, c := range all.InstallIDs {
		t.Run(c.Name, func(t *testing.T) {
			p := proof.Presented{Target: proof.NewTarget("POST",
				"https://sessions.example.com/v1/sessions/anonymous"),
				Now: time.Unix(1790000000, 0)}
			if c.Thumbprint != "" {
				require.NotEmpty(t, proofs[c.Thumbprint])
				p.Proofs = []string{proofs[c.Thumbprint]}
			}
			id := installID(t, c.InstallID)
			assert.Equal(t, c.Expect, issueWord(t, p, id, session.BindingAccept))
			if want := c.Expect; want == "unbound" {
				assert.Equal(t, "missing", issueWord(t, p, id, session.BindingRequire))
			} else {
				assert.Equal(t, want, issueWord(t, p, id, session.BindingRequire))
			}
			if p.Proofs != nil && c.Expect == "bound" {
				p.Proofs = nil
				assert.Equal(t, "missing", issueWord(t, p, id, session.BindingAccept),
					"the name of a key needs its proof")
			}
		})
	}
}

// issueWord returns the outcome of Issue as the vectors name it: bound, unbound, or the reason of
// the rejection.
func issueWord(t *testing.T, p proof.Presented, id session.InstallID,
	binding session.Binding) string {
	t.Helper()
	_, bound, err := p.Issue(id, binding)
	switch {
	case err != nil:
		assert.Equal(t, failure.InvalidProof, failure.KindOf(err))
		return string(reasonOf(t, err))
	case bound:
		return "bound"
	}
	return "unbound"
}

func origins(t testing.TB, texts ...string) (all []proof.Origin) {
	t.Helper()
	for _, text := range texts {
		origin, ok := proof.ParseOrigin(text)
		require.True(t, ok, text)
		all = append(all, origin)
	}
	return all
}
