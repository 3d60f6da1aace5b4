package keys

import "time"

// Gap is a period in which no key signs.
type Gap struct {
	From time.Time
	// Until is the instant from which a key signs again; zero if none does.
	Until time.Time
}

// SigningGap returns the first period, from now on, in which no key signs, provided that the
// keyring is not changed. ok is false if a key signs at all times.
func (r *Keyring) SigningGap(now time.Time) (gap Gap, ok bool) {
	instants := []time.Time{now}
	for _, change := range r.Schedule(now) {
		instants = append(instants, change.At)
	}
	for _, at := range instants {
		if _, signs := r.SignerAt(at); !signs {
			until, _ := r.NextSignerFrom(at)
			return Gap{From: at, Until: until}, true
		}
	}
	return Gap{}, false
}
