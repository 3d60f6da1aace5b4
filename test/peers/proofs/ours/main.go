// Command ours writes proofs that the code of this project makes, each with what a verifier must
// expect of it, as a line of JSON. See test/proofs.sh.
package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"os"
	"time"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/test/harness/device"
)

type line struct {
	Proof      string `json:"proof"`
	Thumbprint string `json:"jkt"`
	Algorithm  string `json:"alg"`
	Method     string `json:"htm"`
	URI        string `json:"htu"`
	Nonce      string `json:"nonce"`
	Token      string `json:"ath"`
}

func main() {
	seed := sha256.Sum256([]byte("a device"))
	for algorithm, key := range map[string]device.Key{"ES256": device.New(1),
		"EdDSA": device.Of(keys.NewEdDSA("device", seed[:], keys.Plan{}))} {
		plain := device.For("POST", "https://sessions.example.com/v1/sessions/anonymous", time.Now())
		full := device.For("GET", "https://api.example.com/orders/1", time.Now()).
			ForToken("a-token").WithNonce("a-nonce")
		digest := sha256.Sum256([]byte("a-token"))
		for _, made := range []struct {
			claims device.Claims
			ath    string
		}{{plain, ""}, {full, base64.RawURLEncoding.EncodeToString(digest[:])}} {
			if err := json.NewEncoder(os.Stdout).Encode(line{Proof: key.Proof(made.claims),
				Thumbprint: key.Thumbprint, Algorithm: algorithm, Method: made.claims.Method,
				URI: made.claims.URI, Nonce: made.claims.Nonce, Token: made.ath}); err != nil {
				panic(err)
			}
		}
	}
}
