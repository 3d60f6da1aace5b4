package keys_test

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/token"
)

// service is a keyset over time, with the sessions that it issued.
type service struct {
	keyring   *keys.Keyring
	now       time.Time
	settings  session.Settings
	sessions  []issued
	added     int
	rotations int
	signed    int
}

type issued struct {
	text   string
	claims session.Claims
}

func (s *service) retention() keys.Retention {
	return keys.Retention{Lifetime: s.settings.Lifetime, RenewalGrace: s.settings.RenewalGrace,
		ClockSkew: s.settings.ClockSkew}
}

// usefulUntil returns the last instant at which the session is still useful: it still renews at the
// end of its grace on a replica whose clock is wrong by as much as is allowed, with all but a
// second of the margin to spare.
func (s *service) usefulUntil(one issued) time.Time {
	return one.claims.ExpiresAt.Time().Add(s.settings.RenewalGrace + s.settings.ClockSkew +
		keys.Margin - time.Second)
}

// TestRotationsLoseNoSession takes a service through random rotations, additions and prunes, none
// of them forced, and issues sessions after each of them. Every session verifies at every instant
// before it expires, and renews until its grace is over.
func TestRotationsLoseNoSession(t *testing.T) {
	rotations, sessions, pruned := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		s := &service{now: noon.Add(drawOffset(t, "start")), settings: session.Settings{
			Issuer: "issuer", Audience: "audience",
			Lifetime:     time.Duration(rapid.IntRange(1, 7200).Draw(t, "lifetime")) * time.Second,
			RenewalGrace: time.Duration(rapid.IntRange(0, 7200).Draw(t, "grace")) * time.Second,
			ClockSkew:    time.Duration(rapid.IntRange(0, 60).Draw(t, "skew")) * time.Second,
		}}
		s.add(t)
		for range rapid.IntRange(1, 24).Draw(t, "steps") {
			s.advance(t)
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0, 1:
				s.rotate(t)
			case 2:
				s.add(t)
			case 3:
				after, removed, err := keys.Prune(s.keyring, s.now)
				if err != nil {
					t.Fatal(err) // a key without an end is always kept
				}
				s.keyring = after
				pruned += len(removed)
			}
			s.check(t)
			s.issue(t)
			s.check(t)
		}
		rotations += s.rotations
		sessions += s.signed
	})
	assert.Positive(t, rotations)
	assert.Positive(t, sessions)
	assert.Positive(t, pruned)
}

// newAddition draws a key that the keyring does not have, with a wait that needs no force.
func (s *service) newAddition(t *rapid.T) keys.Addition {
	s.added++
	id := keys.ID(fmt.Sprintf("%s-%d", rapid.SampledFrom([]string{"a", "M", "z"}).Draw(t, "id"),
		s.added))
	if rapid.Bool().Draw(t, "symmetric") {
		wait := time.Duration(rapid.SampledFrom([]int{0, 1, 600, 3600, 86400}).Draw(t,
			"wait")) * time.Second
		return keys.Addition{Key: key(id, keys.Plan{}), SignAfter: wait}
	}
	wait := time.Duration(rapid.SampledFrom([]int{600, 601, 3600, 86400}).Draw(t,
		"wait")) * time.Second
	return keys.Addition{Key: pair(id, keys.Plan{}), SignAfter: wait}
}

func (s *service) add(t *rapid.T) {
	after, err := keys.Add(s.keyring, s.newAddition(t), s.now)
	if err != nil {
		t.Fatal(err)
	}
	s.keyring = after
}

func (s *service) rotate(t *rapid.T) {
	addition := s.newAddition(t)
	after, err := keys.Rotate(s.keyring, addition, s.retention(), s.now)
	if refused, is := errors.AsType[*keys.PlanError](err); is &&
		refused.Problem == keys.ProblemPending {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range after.Keys() {
		before, known := s.planOf(key.ID())
		switch plan := key.Plan(); {
		case key.ID() == addition.Key.ID():
			if !plan.VerifyUntil.IsZero() {
				t.Fatalf("%v is new and has an end", key)
			}
		case !known || !before.VerifyUntil.IsZero() && before != plan ||
			!before.SignFrom.Equal(plan.SignFrom):
			t.Fatalf("%v changed from %v to %v", key, before, plan)
		}
	}
	s.keyring = after
	s.rotations++
}

func (s *service) planOf(id keys.ID) (keys.Plan, bool) {
	for _, key := range s.keyring.Keys() {
		if key.ID() == id {
			return key.Plan(), true
		}
	}
	return keys.Plan{}, false
}

// advance moves the clock: to an instant at which something changes in the keyring or for a
// session, to an instant next to one, or to any other.
func (s *service) advance(t *rapid.T) {
	next := turns(s.keyring)
	for _, one := range s.sessions {
		next = append(next, one.claims.ExpiresAt.Time().Add(-1), one.claims.ExpiresAt.Time(),
			s.usefulUntil(one), s.usefulUntil(one).Add(time.Minute))
	}
	next = append(next, s.now.Add(time.Duration(rapid.IntRange(0, 100_000_000).Draw(t,
		"milliseconds"))*time.Millisecond))
	to := rapid.SampledFrom(next).Draw(t, "to")
	if to.Before(s.now) {
		return
	}
	// Until then only the clock changes: each session is checked where it matters most.
	for _, one := range s.sessions {
		for _, at := range []time.Time{one.claims.ExpiresAt.Time().Add(-1), s.usefulUntil(one)} {
			if !at.Before(s.now) && !at.After(to) {
				s.checkSession(t, one, at)
			}
		}
	}
	s.now = to
}

func (s *service) issue(t *rapid.T) {
	signer, signs := s.keyring.SignerAt(s.now)
	if !signs {
		t.Fatalf("no key signs at %v", s.now)
	}
	id, broke := session.ParseInstallID(fmt.Sprintf("install-%d", s.signed))
	if broke != session.RuleNone {
		t.Fatal(broke)
	}
	claims := s.settings.Claims(id, signer.ID(), s.now)
	s.sessions = append(s.sessions, issued{text: token.Sign(claims, signer), claims: claims})
	s.signed++
}

// check checks every session that is still useful, and that exactly one key signs.
func (s *service) check(t *rapid.T) {
	signing := 0
	for _, key := range s.keyring.Keys() {
		if s.keyring.StateAt(key, s.now) == keys.Signing {
			signing++
		}
	}
	if signing != 1 {
		t.Fatalf("%d keys sign at %v", signing, s.now)
	}
	var kept []issued
	for _, one := range s.sessions {
		if !s.now.After(s.usefulUntil(one)) {
			s.checkSession(t, one, s.now)
			kept = append(kept, one)
		}
	}
	s.sessions = kept
}

// checkSession checks that the session verifies at an instant before it expires, and can still be
// read and renewed after that.
func (s *service) checkSession(t *rapid.T, one issued, at time.Time) {
	if at.Before(one.claims.ExpiresAt.Time()) {
		if claims, err := token.Verify(one.text, s.keyring, s.settings, at); err != nil ||
			!reflect.DeepEqual(claims, one.claims) {
			t.Fatalf("a session of %v that expires at %v does not verify at %v: %v",
				one.claims.KeyID, one.claims.ExpiresAt.Time(), at, err)
		}
		return
	}
	claims, err := token.Read(one.text, s.keyring, s.settings, at)
	if err != nil {
		t.Fatalf("a session of %v that expired at %v cannot be read at %v: %v", one.claims.KeyID,
			one.claims.ExpiresAt.Time(), at, err)
	}
	if renews := claims.Renewable(at, s.settings.RenewalGrace); renews != !at.After(
		claims.ExpiresAt.Time().Add(s.settings.RenewalGrace)) {
		t.Fatalf("renewable at %v: %v", at, renews)
	}
}
