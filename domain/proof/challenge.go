package proof

import (
	"errors"
	"time"

	"github.com/offload/sessiond/domain/failure"
)

// Challenge is a Rejection of the kind failure.ProofNonceRequired, with the nonce that the client
// must put into its next proof.
type Challenge struct {
	*Rejection
	Nonce string
}

// Unwrap returns the rejection.
func (c *Challenge) Unwrap() error { return c.Rejection }

// Challenge returns err as a *Challenge with the nonce of now if it is a Rejection of the kind
// failure.ProofNonceRequired. It returns any other error unchanged.
func (n Nonces) Challenge(err error, now time.Time) error {
	rejection, ok := errors.AsType[*Rejection](err)
	if !ok || rejection.FailureKind() != failure.ProofNonceRequired {
		return err
	}
	return &Challenge{Rejection: rejection, Nonce: n.At(now)}
}
