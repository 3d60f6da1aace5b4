package keys

import "time"

// Span is the time from From, inclusive, until Until, exclusive. A zero From or Until means that it
// is not bounded on that side.
type Span struct{ From, Until time.Time }

// Contains reports whether now is in the span.
func (s Span) Contains(now time.Time) bool {
	return !now.Before(s.From) && (s.Until.IsZero() || now.Before(s.Until))
}

// Published returns FormatPublic at now, and the longest span around now for which it stays the
// same. A published set changes only when a key of it expires.
func Published(keyring *Keyring, now time.Time) (set string, during Span) {
	for _, key := range keyring.keys {
		until := key.plan.VerifyUntil
		switch {
		case key.public() == "" || key.plan.Revoked || until.IsZero():
		case until.After(now):
			if during.Until.IsZero() || until.Before(during.Until) {
				during.Until = until
			}
		case until.After(during.From):
			during.From = until
		}
	}
	return FormatPublic(keyring, now), during
}
