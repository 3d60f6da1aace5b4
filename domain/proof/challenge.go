package proof

import (
	"errors"
	"time"

	"github.com/offload/sessiond/domain/failure"
)

// Challenge is a Rejection of the kind failure.ProofNonceRequired, with the nonce that the next
// proof needs in order to be accepted.
type Challenge struct {
	*Rejection
	Nonce string
}

// Unwrap returns the rejection.
func (c *Challenge) Unwrap() error { return c.Rejection }

// Challenge adds the nonce to a Rejection of that kind. Any other error is returned as it is.
func (n Nonces) Challenge(err error, now time.Time) error {
	rejection, ok := errors.AsType[*Rejection](err)
	if !ok || rejection.FailureKind() != failure.ProofNonceRequired {
		return err
	}
	return &Challenge{Rejection: rejection, Nonce: n.At(now)}
}
