package keys_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/offload/sessiond/domain/keys"
)

// TestKeyringProperties checks random keyrings, at random instants, against a literal transcription
// of keys.md.
func TestKeyringProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plans := map[keys.ID]keys.Plan{}
		var all []keys.Key
		for i := range rapid.IntRange(1, 6).Draw(t, "keys") {
			id := keys.ID(rapid.SampledFrom([]string{"a", "B", "b.", "9"}).Draw(t, "id")) +
				keys.ID(fmt.Sprint(i))
			plans[id] = drawPlan(t)
			all = append(all, key(id, plans[id]))
		}
		keyring, err := keys.NewKeyring(rapid.Permutation(all).Draw(t, "order")...)
		if err != nil {
			t.Fatal(err)
		}
		now := noon.Add(drawOffset(t, "now"))
		signing := keys.ID("")
		for id, plan := range plans {
			if maySign(plan, now) && (signing == "" || later(plan, id, plans[signing], signing)) {
				signing = id
			}
		}
		signer, ok := keyring.SignerAt(now)
		if ok != (signing != "") || ok && signer.ID() != signing {
			t.Fatalf("signer is %v (%v), want %q", signer, ok, signing)
		}
		counted := 0
		for _, key := range keyring.Keys() {
			plan := plans[key.ID()]
			state := keyring.StateAt(key, now)
			verifier, verifies := keyring.VerifierAt(key.ID(), now)
			if verifies != mayVerify(plan, now) || verifies && verifier.ID() != key.ID() {
				t.Fatalf("%v verifies: %v", key, verifies)
			}
			if verifies != (state == keys.Pending || state == keys.Signing ||
				state == keys.Verifying) {
				t.Fatalf("%v is %v, and verifies: %v", key, state, verifies)
			}
			if state == keys.Signing {
				counted++
			}
			if (state == keys.Signing) != (ok && key.ID() == signing) {
				t.Fatalf("%v is %v, but %q signs", key, state, signing)
			}
			if (state == keys.Pending) != (mayVerify(plan, now) && now.Before(plan.SignFrom)) {
				t.Fatalf("%v is %v", key, state)
			}
			if (state == keys.Revoked) != plan.Revoked {
				t.Fatalf("%v is %v", key, state)
			}
		}
		if counted > 1 || len(keyring.Keys()) != len(plans) {
			t.Fatalf("%d keys sign", counted)
		}
		checkNext(t, keyring, plans, now)
	})
}

// checkNext checks that the next instant is the first one after now at which a pending key signs.
func checkNext(t *rapid.T, keyring *keys.Keyring, plans map[keys.ID]keys.Plan, now time.Time) {
	var next time.Time
	for _, plan := range plans {
		if from := plan.SignFrom; from.After(now) && maySign(plan, from) &&
			(next.IsZero() || from.Before(next)) {
			next = from
		}
	}
	from, waits := keyring.NextSignerFrom(now)
	if waits == next.IsZero() || !from.Equal(next) {
		t.Fatalf("next signer from %v (%v), want %v", from, waits, next)
	}
	if _, signs := keyring.SignerAt(from); waits && !signs {
		t.Fatalf("no key signs at %v", from)
	}
}

func later(plan keys.Plan, id keys.ID, than keys.Plan, thanID keys.ID) bool {
	if plan.SignFrom.Equal(than.SignFrom) {
		return id > thanID
	}
	return plan.SignFrom.After(than.SignFrom)
}

func mayVerify(plan keys.Plan, now time.Time) bool {
	return !plan.Revoked && (plan.VerifyUntil.IsZero() || plan.VerifyUntil.After(now))
}

func maySign(plan keys.Plan, now time.Time) bool {
	return mayVerify(plan, now) && !plan.SignFrom.After(now)
}

// drawOffset draws from few instants, so that many coincide.
func drawOffset(t *rapid.T, label string) time.Duration {
	return time.Duration(rapid.IntRange(-3, 3).Draw(t, label))*time.Second +
		time.Duration(rapid.IntRange(-1, 1).Draw(t, label+", nanoseconds"))
}

func drawPlan(t *rapid.T) keys.Plan {
	plan := keys.Plan{SignFrom: noon.Add(drawOffset(t, "sign from")),
		Revoked: rapid.IntRange(0, 5).Draw(t, "revoked") == 0}
	if rapid.Bool().Draw(t, "ends") {
		plan.VerifyUntil = noon.Add(drawOffset(t, "verify until"))
	}
	return plan
}
