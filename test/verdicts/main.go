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
//
// It is for tests only.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/offload/sessiond/adapters/keys/environment"
	"github.com/offload/sessiond/domain/keys"
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
	authorization := make([]string, 0, len(values))
	for _, value := range values {
		authorization = append(authorization, string(value))
	}
	presented, err := token.FromAuthorization(authorization, session.BindingOff)
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
