// Command verdicts tells what the domain makes of tokens and keysets, so that a verifier in another language can be held against it.
//
// It reads lines of JSON and answers each with one word. {"group":N,"values":[…]} has the values of Authorization headers, base64 of
// bytes, judged under the N-th group of the vectors: valid, or the reason. {"keyset":…} has a keyset's text, base64 too: read or refused.
// It is for tests alone.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

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

// question is one line. Keyset is nil where it is about a token.
type question struct {
	Group  int
	Values [][]byte
	Keyset []byte
}

func run(in io.Reader, out io.Writer) error {
	groups := vectors.Groups()
	rings := make([]*keys.Ring, len(groups))
	for i, group := range groups {
		var err error
		if rings[i], err = ringOf(group); err != nil {
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
		verdict := "read"
		if q.Keyset == nil {
			verdict = verify(q.Values, groups[q.Group], rings[q.Group])
		} else if _, err := keys.ParseSet(string(q.Keyset)); err != nil {
			verdict = "refused"
		}
		if _, err := fmt.Fprintln(answers, verdict); err != nil {
			return err
		}
	}
}

func verify(values [][]byte, group vectors.Group, ring *keys.Ring) string {
	authorization := make([]string, 0, len(values))
	for _, value := range values {
		authorization = append(authorization, string(value))
	}
	text, err := token.FromAuthorization(authorization)
	if err == nil {
		terms := session.Terms{Issuer: group.Issuer, Audience: group.Audience, ClockSkew: group.ClockSkew.Duration}
		_, err = token.Verify(text, ring, terms, group.Now.Time)
	}
	if rejection, ok := errors.AsType[*token.Rejection](err); ok {
		return string(rejection.Reason)
	}
	return "valid"
}

func ringOf(group vectors.Group) (*keys.Ring, error) {
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
	return environment.Ring(entries, keys.ID(group.ActiveKid))
}
