package keys

import "time"

// State is what a key may do at an instant.
type State uint8

// The states, in the order of a key's life.
const (
	// Pending keys verify and do not sign yet.
	Pending State = iota
	// Signing is the one key that signs.
	Signing
	// Verifying keys no longer sign, and still verify.
	Verifying
	// Expired keys neither sign nor verify.
	Expired
	// Revoked keys were taken out of force by an operator.
	Revoked
)

// States returns every state.
func States() []State { return []State{Pending, Signing, Verifying, Expired, Revoked} }

// String returns the name of the state.
func (s State) String() string {
	switch s {
	case Pending:
		return "pending"
	case Signing:
		return "signing"
	case Verifying:
		return "verifying"
	case Expired:
		return "expired"
	case Revoked:
		return "revoked"
	}
	return "unknown"
}

// MarshalText implements encoding.TextMarshaler.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// mayVerify reports whether the plan allows a key to verify at now.
func (p Plan) mayVerify(now time.Time) bool {
	return !p.Revoked && (p.VerifyUntil.IsZero() || now.Before(p.VerifyUntil))
}

// maySign reports whether the plan allows a key to sign at now. Keyring.SignerAt chooses among
// several such keys.
func (p Plan) maySign(now time.Time) bool {
	return p.mayVerify(now) && !now.Before(p.SignFrom)
}
