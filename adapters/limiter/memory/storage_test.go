package memory_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/limiter/memory"
	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/ports/portsfake"
	"github.com/offload/sessiond/ports/portstest"
)

func TestConformance(t *testing.T) {
	portstest.TestLimiter(t, func(t testing.TB) ports.LimiterStorage {
		storage, err := memory.New(1000, portsfake.SameLimit(portstest.LargestLimit))
		require.NoError(t, err)
		return storage
	})
}
