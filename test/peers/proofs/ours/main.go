// Command ours writes proofs that the session client makes for a running service, each with what a
// verifier must expect of it, as a line of JSON. The argument is the service's origin. See
// test/proofs.sh.
package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/offload/sessiond/adapters/sessionclient"
)

type line struct {
	Proof      string `json:"proof"`
	Thumbprint string `json:"jkt"`
	Algorithm  string `json:"alg"`
	Method     string `json:"htm"`
	URI        string `json:"htu"`
	Token      string `json:"ath"`
}

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(origin string) error {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	fixed, err := sessionclient.KeyOf(private)
	if err != nil {
		return err
	}
	for algorithm, key := range map[string]sessionclient.Key{"ES256": sessionclient.NewMemoryKey(),
		"EdDSA": fixed} {
		client, err := sessionclient.New(sessionclient.Config{Sessions: origin,
			Application: []string{origin}, Storage: sessionclient.NewMemoryStorage(), Key: key,
			AppVersion: "1.0", Platform: "linux"})
		if err != nil {
			return err
		}
		for _, method := range []string{"GET", "DELETE"} {
			made := line{Algorithm: algorithm, Method: method, URI: origin + "/orders/1"}
			if err := made.by(client); err != nil {
				return err
			}
			if err := json.NewEncoder(os.Stdout).Encode(made); err != nil {
				return err
			}
		}
	}
	return nil
}

// by sets the proof of a request by the client, its token's digest and its key's thumbprint.
func (l *line) by(client *sessionclient.Client) error {
	header, err := client.Credentials(context.Background(), l.Method, l.URI+"?any=query")
	if err != nil {
		return err
	}
	_, token, _ := strings.Cut(header.Get("Authorization"), " ")
	digest := sha256.Sum256([]byte(token))
	payload, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return err
	}
	var claims struct {
		Confirmation struct {
			Thumbprint string `json:"jkt"`
		} `json:"cnf"`
	}
	if err := json.Unmarshal(text, &claims); err != nil {
		return err
	}
	l.Proof, l.Thumbprint = header.Get("DPoP"), claims.Confirmation.Thumbprint
	l.Token = base64.RawURLEncoding.EncodeToString(digest[:])
	return nil
}
