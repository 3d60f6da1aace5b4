package failure_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/domain/failure"
)

// TestCodesAndMessages pins the table of errors of the HTTP API, word for word.
func TestCodesAndMessages(t *testing.T) {
	golden := []struct {
		kind          failure.Kind
		code, message string
	}{
		{failure.Internal, "internal_error", "Internal server error"},
		{failure.Unauthorized, "unauthorized", "Missing bearer token"},
		{failure.InvalidToken, "invalid_token", "Invalid session token"},
		{failure.ExpiredToken, "expired_token", "Session token expired"},
		{failure.InvalidProof, "invalid_proof", "Invalid proof of possession"},
		{failure.ProofNonceRequired, "proof_nonce_required", "Proof needs a nonce"},
		{failure.NotFound, "not_found", "Not found"},
		{failure.MethodNotAllowed, "method_not_allowed", "Method not allowed"},
		{failure.PayloadTooLarge, "payload_too_large", "Request body too large"},
		{failure.UnsupportedMediaType, "unsupported_media_type", "Unsupported media type"},
		{failure.Validation, "validation_error", "Request validation failed"},
		{failure.RateLimited, "session_rate_limited", "Too many session requests; retry later"},
		{failure.Unavailable, "service_unavailable", "Service unavailable; retry later"},
	}
	var kinds []failure.Kind
	for _, row := range golden {
		kinds = append(kinds, row.kind)
		assert.Equal(t, row.code, row.kind.Code())
		assert.Equal(t, row.message, row.kind.Message())
	}
	assert.Equal(t, kinds, failure.Kinds(), "every kind is in the table")
}

func TestUnknownKindIsInternal(t *testing.T) {
	last := failure.Kinds()[len(failure.Kinds())-1]
	for _, kind := range []failure.Kind{last + 1, 100, 255} {
		assert.Equal(t, "internal_error", kind.Code())
		assert.Equal(t, "Internal server error", kind.Message())
	}
	assert.Equal(t, failure.Internal, failure.Kind(0), "the zero value is Internal")
}

// kinded is a typed error as a domain concept would have it.
type kinded struct{ kind failure.Kind }

func (kinded) Error() string { return "not_found: this text does not determine the kind" }

func (k kinded) FailureKind() failure.Kind { return k.kind }

func TestKindOf(t *testing.T) {
	limited, unavailable := kinded{failure.RateLimited},
		failure.New(failure.Unavailable, io.ErrUnexpectedEOF)
	plain := errors.New("expired_token")
	for name, c := range map[string]struct {
		err  error
		want failure.Kind
	}{
		"nil":            {nil, failure.Internal},
		"without a kind": {plain, failure.Internal},
		"a value":        {limited, failure.RateLimited},
		"a pointer":      {&limited, failure.RateLimited},
		"an Error":       {unavailable, failure.Unavailable},
		"wrapped":        {fmt.Errorf("issue: %w", limited), failure.RateLimited},
		"wrapped twice": {fmt.Errorf("a: %w", fmt.Errorf("b: %w", limited)),
			failure.RateLimited},
		"formatted into another error": {errors.New("a: " + limited.Error()), failure.Internal},
		"joined":                       {errors.Join(plain, limited), failure.RateLimited},
		"joined, the first with a kind": {errors.Join(plain, unavailable, limited),
			failure.Unavailable},
		"joined, wrapped": {fmt.Errorf("a: %w",
			errors.Join(plain, fmt.Errorf("b: %w", limited))), failure.RateLimited},
		"two wrapped at once": {fmt.Errorf("%w, %w", plain, unavailable),
			failure.Unavailable},
		"joined, none with a kind": {errors.Join(plain, io.EOF), failure.Internal},
		"the outermost wins": {failure.New(failure.Validation, limited),
			failure.Validation},
		"Internal hides its cause": {
			failure.New(failure.Internal, limited), failure.Internal,
		},
		"wrapped without Unwrap": {&struct{ error }{limited}, failure.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, failure.KindOf(c.err))
		})
	}
}

func TestError(t *testing.T) {
	bare := failure.New(failure.NotFound, nil)
	assert.EqualError(t, bare, "not_found")
	assert.NoError(t, bare.Unwrap())
	caused := failure.New(failure.Unavailable, io.ErrUnexpectedEOF)
	assert.EqualError(t, caused, "service_unavailable: unexpected EOF")
	assert.ErrorIs(t, caused, io.ErrUnexpectedEOF)
	assert.Equal(t, failure.Unavailable, caused.FailureKind())
}
