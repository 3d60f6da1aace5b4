package secret_test

import (
	"encoding/base64"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/offload/sessiond/domain/secret"
)

// hostile returns texts of the maximum length that cause the most work.
func hostile() map[string]string {
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(alphabet []string) string {
		var text []byte
		var ends []int // end of each character; an invalid byte is one character
		for len(ends) < 1024 {
			for _, r := range strings.Split(alphabet[random.IntN(len(alphabet))], "") {
				text = append(text, r...)
				ends = append(ends, len(text))
			}
		}
		return string(text[:ends[1023]])
	}
	return map[string]string{
		"one letter":  strings.Repeat("z", 1024),
		"two letters": pick([]string{"y", "z"}),
		"words of 3":  pick(strings.Fields("act ice red map sun zoo key own ski wet")),
		"leet":        pick(strings.Fields("@ $ 0 1 3 4 5 7 a l s t e o")),
		"runs":        pick(strings.Fields("abcd qwer 4321 fdsa vbnm")),
		"hex":         pick(strings.Fields("0 1 a")),
		"short words": pick(strings.Fields("it-is-a- my-of-to- go.to.us. we.me.it.")),
		"base64": pick(
			strings.Split("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", "")),
		"other": pick(strings.Split("é ж 中 🙂 - 1 a", "")),
		"bad":   pick([]string{"\xff", "\xc3", "\x80"}),
		// What the rule on chosen secrets takes longest for: copies, steps, series, leetspeak.
		"digits":    pick(strings.Fields("1 2 12 24 36 48")),
		"keyboard":  pick(strings.Fields("qaz wsx EDC rfv 1q !Q")),
		"mixed":     pick(strings.Fields("Pa$$w0rd 4dm1n aB1@ h0us3")),
		"quotes":    strings.Repeat(`"`, 1024),
		"all bytes": pick(strings.Fields("61: 20: 3a: 41:")),
	}
}

func BenchmarkAssess(b *testing.B) {
	var policy secret.Policy
	cases := hostile()
	cases["32 bytes in base64"] = "L8B9KEhI82XrLf2luzis2HixXJ+9pVoUmVXb4NRKU20="
	cases["32 bytes in hex"] = "d7419b1ab93e298cb7a901b6bb0ad6db06c614df396344849f816cd9ea4d5269"
	cases["32 hex digits"] = "e7f488c24f11a73f727cdb03c097ba20"
	cases["40 letters and digits"] = "7pJCbYO5CHgQhLKW8VaIeJZ9NwjY8VolDPTZ1iMq"
	for name, text := range cases {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				policy.Assess(text)
			}
		})
	}
}

// BenchmarkAssess256 judges as many keys as a keyset may hold, of each form in turn.
func BenchmarkAssess256(b *testing.B) {
	keys := make([]string, 0, 256)
	random := rand.NewChaCha8([32]byte{1})
	for len(keys) < 256 {
		keys = append(keys, hex.EncodeToString(draw(random, 16)), hex.EncodeToString(draw(random, 32)),
			base64.StdEncoding.EncodeToString(draw(random, 32)),
			base64.RawURLEncoding.EncodeToString(draw(random, 48)))
	}
	var policy secret.Policy
	for b.Loop() {
		for _, key := range keys {
			policy.Assess(key)
		}
	}
}
