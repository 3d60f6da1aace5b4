package keys

import (
	"slices"
	"time"
)

// EarlyEnd is a key that ends while sessions that it signed are still valid or renewable.
type EarlyEnd struct {
	ID ID
	// VerifyUntil is when the key ends.
	VerifyUntil time.Time
	// UsefulUntil is the last instant at which a session that the key signed is valid or renewable.
	UsefulUntil time.Time
}

// EarlyEnds returns the keys that verify at now and end too early: sessions that they signed, or
// will sign by the present plans, would be rejected although the retention makes them valid or
// renewable. They are in the order of the keys.
func (r *Keyring) EarlyEnds(retention Retention, now time.Time) []EarlyEnd {
	stops := r.signingEnds()
	var early []EarlyEnd
	for _, key := range r.keys {
		stop, signs := stops[key.id]
		if until := stop.Add(retention.total()); signs && key.plan.mayVerify(now) &&
			key.plan.VerifyUntil.Before(until) {
			early = append(early, EarlyEnd{ID: key.id, VerifyUntil: key.plan.VerifyUntil,
				UsefulUntil: until})
		}
	}
	return early
}

// signingEnds returns when a key stops signing for the last time, for each key that has an end and
// signs at some time. Which key signs changes only at the instants of plans.
func (r *Keyring) signingEnds() map[ID]time.Time {
	var instants []time.Time
	for _, key := range r.keys {
		if !key.plan.Revoked {
			instants = append(instants, key.plan.SignFrom)
			if !key.plan.VerifyUntil.IsZero() {
				instants = append(instants, key.plan.VerifyUntil)
			}
		}
	}
	slices.SortFunc(instants, time.Time.Compare)
	ends := map[ID]time.Time{}
	for i, at := range instants {
		signer, signs := r.SignerAt(at)
		if signs && i+1 < len(instants) && !signer.plan.VerifyUntil.IsZero() {
			ends[signer.id] = instants[i+1]
		}
	}
	return ends
}
