package ports_test

import (
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/domain/failure"
	"github.com/offload/sessiond/ports"
)

func TestUnavailableWrapsItsCause(t *testing.T) {
	err := &ports.Unavailable{RetryAfter: time.Second, Cause: io.ErrUnexpectedEOF}
	assert.Equal(t, failure.Unavailable, failure.KindOf(fmt.Errorf("issue: %w", err)))
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.EqualError(t, err, "unavailable: unexpected EOF")
}
