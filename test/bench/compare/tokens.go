package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/token"
	"github.com/offload/sessiond/test/bench/rig"
)

// What the tokens of all contestants are made of.
const (
	issuer    = "offload-backend"
	audience  = "offload-ios"
	kid       = "hs-2026.02_A"
	installID = "3f2b8f0a-7f0e-4d52-9a39-0b6f5b1f7b11"
	secret    = "a secret that all contestants of a benchmark share"
)

var (
	noon     = time.Date(2026, 2, 16, 12, 0, 0, 0, time.UTC)
	settings = session.Settings{Issuer: issuer, Audience: audience, Lifetime: 2 * time.Minute}
	plan     = keys.Plan{SignFrom: noon.Add(-time.Hour)}
)

// sessions returns claims for a key and a keyring that holds it.
func sessions(key keys.Key) (session.Claims, *keys.Keyring, error) {
	id, violated := session.ParseInstallID(installID)
	if violated != session.RuleNone {
		return session.Claims{}, nil, errors.New("the install id is not valid")
	}
	keyring, err := keys.NewKeyring(key)
	return settings.Claims(id, key.ID(), noon), keyring, err
}

// ours returns the contestants that sign and verify with key, and a token.
func ours(key keys.Key) (sign, verify rig.Contestant, text string, err error) {
	claims, keyring, err := sessions(key)
	if err != nil {
		return rig.Contestant{}, rig.Contestant{}, "", err
	}
	text = token.Sign(claims, key)
	sign = rig.Contestant{Name: "sessiond", Run: func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			token.Sign(claims, key)
		}
	}}
	verify = rig.Contestant{Name: "sessiond", Run: func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := token.Verify(text, keyring, settings, noon); err != nil {
				b.Fatal(err)
			}
		}
	}}
	return sign, verify, text, nil
}

// tokens measures the signing and verification of tokens.
func tokens(turns rig.Plan) ([]rig.Row, error) {
	turns.CPU = true
	symmetric, err := hs256(turns)
	if err != nil {
		return nil, err
	}
	asymmetric, err := edDSA(turns)
	return append(symmetric, asymmetric...), err
}

func hs256(turns rig.Plan) ([]rig.Row, error) {
	sign, verify, text, err := ours(keys.NewHS256(kid, []byte(secret), plan))
	if err != nil {
		return nil, err
	}
	message := []byte(text[:strings.LastIndexByte(text, '.')])
	floor := rig.Contestant{Name: "one HMAC-SHA256", Run: func(b *testing.B) {
		mac := hmac.New(sha256.New, []byte(secret))
		sum := make([]byte, 0, sha256.Size)
		for b.Loop() {
			mac.Reset()
			mac.Write(message)
			sum = mac.Sum(sum[:0])
		}
	}}
	signers, verifiers := []rig.Contestant{sign, floor}, []rig.Contestant{verify, floor}
	for _, p := range peers {
		signer, verifier, err := p.contestants()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		signers, verifiers = append(signers, signer), append(verifiers, verifier)
	}
	signed, err := rig.Run(turns, signers...)
	if err != nil {
		return nil, err
	}
	verified, err := rig.Run(turns, verifiers...)
	if err != nil {
		return nil, err
	}
	return append(
		symmetricRows("sign HS256", signed, 2, 1.4, 6, 9, 1),
		symmetricRows("verify HS256, all twelve checks", verified, 2.5, 2, 9, 12, 2)...), nil
}

// symmetricRows returns the rows of one contest: beside the lower bound, the fastest peer, and no
// one. The goals are in this order, those for peers as lower bounds.
func symmetricRows(what string, all []rig.Series, reach, stretch, peerReach, peerStretch,
	allocations float64) []rig.Row {
	own, floor, peers := all[0], all[1], all[2:]
	fastest := rig.Fastest(peers...)
	return []rig.Row{
		{What: what, Beside: "one HMAC-SHA256 over the same bytes, its keyed state reused",
			Value: own.Over(floor), Unit: rig.Times, Reach: reach, Stretch: stretch,
			Figures: rig.Figures(all...)},
		{What: what, Beside: "the fastest of golang-jwt v5, go-jose v4, jwx v3",
			Value: fastest.Over(own), Unit: rig.Times, AtLeast: true, Reach: peerReach,
			Stretch: peerStretch},
		{What: what, Beside: "–", Value: own.Allocs(), Unit: rig.Allocations,
			Reach: allocations, Stretch: allocations},
	}
}

func edDSA(turns rig.Plan) ([]rig.Row, error) {
	seed := bytes.Repeat([]byte{7}, ed25519.SeedSize)
	sign, verify, text, err := ours(keys.NewEdDSA("ed-2026.02_A", seed, plan))
	if err != nil {
		return nil, err
	}
	private := ed25519.NewKeyFromSeed(seed)
	public := private.Public().(ed25519.PublicKey)
	message := []byte(text[:strings.LastIndexByte(text, '.')])
	signature := ed25519.Sign(private, message)
	signed, err := rig.Run(turns, sign, rig.Contestant{Name: "crypto/ed25519",
		Run: func(b *testing.B) {
			for b.Loop() {
				ed25519.Sign(private, message)
			}
		}})
	if err != nil {
		return nil, err
	}
	verified, err := rig.Run(turns, verify, rig.Contestant{Name: "crypto/ed25519",
		Run: func(b *testing.B) {
			for b.Loop() {
				if !ed25519.Verify(public, message, signature) {
					b.Fatal("not verified")
				}
			}
		}})
	if err != nil {
		return nil, err
	}
	return []rig.Row{asymmetricRow("sign EdDSA", signed), asymmetricRow("verify EdDSA", verified)},
		nil
}

func asymmetricRow(what string, all []rig.Series) rig.Row {
	return rig.Row{What: what, Beside: "crypto/ed25519 alone", Value: all[0].Over(all[1]),
		Unit: rig.Times, Reach: 1.06, Stretch: 1.02, Figures: rig.Figures(all...)}
}
