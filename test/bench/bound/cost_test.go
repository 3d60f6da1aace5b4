package bound_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/limiter/memory"
	"github.com/offload/sessiond/app/authenticate"
	"github.com/offload/sessiond/app/issue"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/proof"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/ports/portsfake"
	"github.com/offload/sessiond/test/bench/rig"
	"github.com/offload/sessiond/test/harness/device"
)

// The requests of the measurement.
const (
	issueURI = "https://sessions.example.com/v1/sessions/anonymous"
	orderURI = "https://api.example.com/orders/1"
	devices  = 512
	// step is the time between two requests: an installation has several grants in its window, and
	// none is refused.
	step = 50 * time.Millisecond
)

var limits = issue.Limits{PerAddress: 32, PerNetwork: 2048, PerInstall: 4, RenewalsPerInstall: 4,
	RenewalsPerAddress: 512, Window: time.Minute, IPv6Prefix: 64}

// half is an Entropy that always draws the middle.
type half struct{}

func (half) Fraction() float64 { return 0.5 }

// cost is what the contestants share.
type cost struct {
	clock        *portsfake.Clock
	issuance     *issue.Service
	access       *authenticate.Service
	phones       []device.Key
	bound, plain []session.Request
	signer       keys.Key
	settings     session.Settings
	next         int // the device whose turn it is
}

func newCost(t *testing.T) *cost {
	t.Helper()
	c := &cost{clock: portsfake.NewClock(time.Date(2026, 2, 16, 12, 0, 0, 0, time.UTC)),
		signer: keys.NewHS256("hs-2026.02", []byte("a secret of the benchmark"), keys.Plan{}),
		settings: session.Settings{Issuer: "offload-backend", Audience: "offload-ios",
			BoundAudience: "offload-ios:bound", Binding: session.BindingAccept, Lifetime: time.Hour}}
	keyring, err := keys.NewKeyring(c.signer)
	require.NoError(t, err)
	storage, err := memory.New(1_000_000, limits.Of)
	require.NoError(t, err)
	nonces := proof.NewNonces([]byte("a digest key"))
	c.issuance = issue.New(issue.Parts{Keys: portsfake.NewKeys(keyring), Limiter: storage,
		Clock: c.clock, Entropy: half{}, Events: ignored{}, Settings: c.settings, Limits: limits,
		Digester: throttle.NewDigester([]byte("a digest key")), Nonces: nonces})
	c.access = authenticate.New(portsfake.NewKeys(keyring), c.clock, ignored{}, c.settings, nonces)
	for i := range devices {
		phone := device.New(i)
		c.phones = append(c.phones, phone)
		c.bound = append(c.bound, request(t, phone.Thumbprint))
		c.plain = append(c.plain, request(t, fmt.Sprintf("3f2b8f0a-7f0e-4d52-9a39-0b6f5b1f%04x", i)))
	}
	return c
}

func request(t *testing.T, id string) session.Request {
	t.Helper()
	r, err := session.NewRequest(session.Input{Text: id}, session.Input{Text: "1.0"},
		session.Input{Text: "ios"}, session.RuleNone)
	require.NoError(t, err)
	return r
}

// client returns the address of an installation.
func client(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
}

// issues returns a contestant that issues new sessions: bound ones, each with a proof that was made
// before, or not.
func (c *cost) issues(name string, bound bool) rig.Contestant {
	return rig.Contestant{Name: name, Run: func(b *testing.B) {
		requests := make([]ports.IssueRequest, b.N)
		for i := range requests {
			c.next++
			of := c.next % devices
			requests[i] = ports.IssueRequest{Session: c.plain[of], Client: client(of)}
			if bound {
				at := c.clock.Now().Add(time.Duration(i) * step)
				requests[i].Session = c.bound[of]
				requests[i].Credentials = ports.Credentials{Target: proof.NewTarget("POST", issueURI),
					Proofs: []string{c.phones[of].Proof(device.For("POST", issueURI, at))}}
			}
		}
		b.ResetTimer()
		for _, request := range requests {
			if _, err := c.issuance.Issue(b.Context(), request); err != nil {
				b.Fatal(err)
			}
			c.clock.Advance(step)
		}
	}}
}

// verifies returns a contestant that verifies a session.
func (c *cost) verifies(name string, bound bool) rig.Contestant {
	return rig.Contestant{Name: name, Run: func(b *testing.B) {
		c.clock.Advance(2 * time.Minute)
		now := c.clock.Now()
		issued, err := c.issuance.Issue(b.Context(), ports.IssueRequest{Session: c.plain[0], Client: client(0)})
		credentials := ports.Credentials{Authorization: []string{"Bearer " + issued.Token}}
		if bound {
			issued, err = c.issuance.Issue(b.Context(), ports.IssueRequest{Session: c.bound[0],
				Client: client(0), Credentials: ports.Credentials{Target: proof.NewTarget("POST", issueURI),
					Proofs: []string{c.phones[0].Proof(device.For("POST", issueURI, now))}}})
			credentials = ports.Credentials{Authorization: []string{"DPoP " + issued.Token},
				Target: proof.NewTarget("GET", orderURI),
				Proofs: []string{c.phones[0].Proof(device.For("GET", orderURI, now).ForToken(issued.Token))}}
		}
		if err != nil {
			b.Fatal(err)
		}
		b.ResetTimer()
		for range b.N {
			if _, err := c.access.Authenticate(b.Context(), credentials); err != nil {
				b.Fatal(err)
			}
		}
	}}
}

// bare returns a contestant that hashes as many bytes as a proof has, and verifies a signature by a
// key that it has already.
func bare(t *testing.T) rig.Contestant {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	message := make([]byte, 500)
	digest := sha256.Sum256(message)
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	require.NoError(t, err)
	return rig.Contestant{Name: "ECDSA P-256", Run: func(b *testing.B) {
		for range b.N {
			digest := sha256.Sum256(message)
			if !ecdsa.VerifyASN1(&key.PublicKey, digest[:], signature) {
				b.Fatal("the signature is not valid")
			}
		}
	}}
}

// TestCost compares a request with a bound session with one without a key and ECDSA verification
// alone, taken together. It fails only if a request fails: figures depend on the machine.
func TestCost(t *testing.T) {
	c := newCost(t)
	plan := rig.Plan{Rounds: 5, Turn: 20 * time.Millisecond}
	if *page != "" {
		plan = rig.Plan{Rounds: 15, Turn: 200 * time.Millisecond}
	}
	all, err := rig.Run(plan, bare(t), c.issues("issue", false), c.issues("issue, bound", true),
		c.verifies("verify", false), c.verifies("verify, bound", true))
	require.NoError(t, err)
	micro := func(s rig.Series) float64 { return s.Nanoseconds() / 1000 }
	table := "| Request | Without a key, µs | ECDSA verification alone, µs | Bound, µs | Bound beside both |\n" +
		"| --- | --- | --- | --- | --- |\n"
	alone := micro(all[0])
	for i, name := range []string{"a new session", "a session verified"} {
		plain, bound := micro(all[1+2*i]), micro(all[2+2*i])
		table += fmt.Sprintf("| %s | %.1f | %.1f | %.1f | %.2f times |\n", name, plain, alone, bound,
			bound/(plain+alone))
	}
	write(t, "bound-cost", table)
}
