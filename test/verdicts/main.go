// Command verdicts prints the domain's verdicts on tokens and keysets, so that the tests can
// compare a verifier in another language with them.
//
// It reads lines of JSON and answers each with one word:
//
//   - {"group":N,"values":[…]} has the values of Authorization headers, in base64, which are
//     verified under the N-th group of the vectors. The answer is valid, or the reason.
//   - {"keyset":…} has the text of a keyset in base64. The answer is read or refused.
//   - {"group":N,"published":…} has the text of a published JWK Set in base64. The answer is
//     refused; or none if the set has no key; or "keys:" and the comma-separated IDs of the keys
//     that verify at that group's time.
//   - {"group":N,"published":…,"values":[…]} has both. The values are verified under the keys
//     of the set, with the issuer and the audience of the group. The answer is that for values, or
//     refused.
//   - {"group":N,"values":[…],"request":{…}} has a request in which a session may be bound to a
//     device key: see request. The answer is valid, or the reason of the token or of the proof.
//   - {"uri":…} has a URI in base64. The answer is its normal form, or none.
//
// It is for tests only.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/offload/sessiond/adapters/keys/environment"
	"github.com/offload/sessiond/adapters/sessionauth"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/proof"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/token"
	"github.com/offload/sessiond/test/vectors"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "verdicts:", err)
		os.Exit(1)
	}
}

// question is one line of input. Keyset and Published are nil if it is about a token.
type question struct {
	Group     int
	Values    [][]byte
	Keyset    []byte
	Published []byte
	Request   *request
	URI       []byte
}

// request is what a verifier of bound sessions knows beside the Authorization headers. Its texts
// are in base64 where they may be any bytes.
type request struct {
	Proofs       [][]byte
	Method, Path []byte
	Required     bool
	Origins      []string
	Now          int64
	NonceSecret  string
}

func run(in io.Reader, out io.Writer) error {
	groups := vectors.Groups()
	keyrings := make([]*keys.Keyring, len(groups))
	for i, group := range groups {
		var err error
		if keyrings[i], err = keyringOf(group); err != nil {
			return err
		}
	}
	answers := bufio.NewWriter(out)
	for questions := json.NewDecoder(in); ; {
		var q question
		if err := questions.Decode(&q); errors.Is(err, io.EOF) {
			return answers.Flush()
		} else if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(answers, verdict(q, groups[q.Group],
			keyrings[q.Group])); err != nil {
			return err
		}
	}
}

func verdict(q question, group vectors.Group, keyring *keys.Keyring) string {
	switch {
	case q.Published != nil && q.Values != nil:
		published, err := keys.ParsePublic(string(q.Published))
		if isNoKeys(err) {
			published = &keys.Keyring{}
		} else if err != nil {
			return "refused"
		}
		return verify(q.Values, group, published)
	case q.Published != nil:
		return published(string(q.Published), group.Now.Time)
	case q.URI != nil:
		normal, ok := proof.Normalize(string(q.URI))
		if !ok {
			return "none"
		}
		return normal
	case q.Request != nil:
		return q.Request.verdict(q.Values, group)
	case q.Keyset != nil:
		if _, err := keys.ParseSet(string(q.Keyset)); err != nil {
			return "refused"
		}
		return "read"
	}
	return verify(q.Values, group, keyring)
}

func published(text string, now time.Time) string {
	keyring, err := keys.ParsePublic(text)
	if isNoKeys(err) {
		return "none"
	}
	if err != nil {
		return "refused"
	}
	var ids []string
	for _, key := range keyring.Keys() {
		if _, ok := keyring.VerifierAt(key.ID(), now); ok {
			ids = append(ids, string(key.ID()))
		}
	}
	slices.Sort(ids)
	return "keys:" + strings.Join(ids, ",")
}

func isNoKeys(err error) bool {
	faults, ok := errors.AsType[keys.Faults](err)
	return ok && faults[0].Reason == keys.FaultNoKeys
}

func verify(values [][]byte, group vectors.Group, keyring *keys.Keyring) string {
	presented, err := token.FromAuthorization(texts(values), session.BindingOff)
	if err == nil {
		settings := session.Settings{Issuer: group.Issuer, Audience: group.Audience,
			ClockSkew: group.ClockSkew.Duration}
		_, err = token.Verify(presented.Text, keyring, settings, group.Now.Time)
	}
	if rejection, ok := errors.AsType[*token.Rejection](err); ok {
		return string(rejection.Reason)
	}
	return "valid"
}

// verdict returns what package sessionauth, which does nothing but call the domain, says.
func (r *request) verdict(values [][]byte, group vectors.Group) string {
	given, err := sessionauth.Keyset(group.Keyset)
	var fixed *sessionauth.Fixed
	if err == nil {
		fixed, err = sessionauth.NewFixed(given...)
	}
	var nonces sessionauth.Nonces
	if err == nil {
		nonces, err = sessionauth.NewNonces(r.NonceSecret)
	}
	binding := sessionauth.BindingAccept
	if r.Required {
		binding = sessionauth.BindingRequire
	}
	var verifier *sessionauth.Verifier
	if err == nil {
		verifier, err = sessionauth.New(sessionauth.Config{Issuer: group.Issuer,
			Audience: group.Audience, ClockSkew: group.ClockSkew.Duration, Keys: fixed,
			Binding: binding, PublicOrigins: r.Origins, Nonces: nonces,
			Now: func() time.Time { return time.Unix(r.Now, 0) }})
	}
	if err != nil {
		return err.Error()
	}
	_, err = verifier.Authenticate(context.Background(), sessionauth.Credentials{
		Authorization: texts(values), Proofs: texts(r.Proofs), Method: string(r.Method),
		Path: string(r.Path)})
	if rejection, ok := errors.AsType[*token.Rejection](err); ok {
		return string(rejection.Reason)
	}
	if rejection, ok := errors.AsType[*proof.Rejection](err); ok {
		return string(rejection.Reason)
	}
	return "valid"
}

// texts returns values as text.
func texts(values [][]byte) []string {
	converted := make([]string, 0, len(values))
	for _, value := range values {
		converted = append(converted, string(value))
	}
	return converted
}

func keyringOf(group vectors.Group) (*keys.Keyring, error) {
	if group.Keyset != nil {
		return keys.ParseSet(string(group.Keyset))
	}
	text, err := json.Marshal(group.Keys)
	if err != nil {
		return nil, err
	}
	entries, err := environment.ParseEntries(string(text))
	if err != nil {
		return nil, err
	}
	return environment.Keyring(entries, keys.ID(group.ActiveKid))
}
