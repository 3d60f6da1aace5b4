// Package freeport finds ports for servers that tests start. Only tests import it; it imports
// testify.
package freeport

import (
	"math/rand/v2"
	"net"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// The range of the ports. It is below the ephemeral ports of Linux, so that no other socket gets
// one of them by chance, not even while a server that has one is restarted.
const first, last = 10000, 32000

// next is the offset from first of the next port to try. It starts at a random value because other
// test processes use the same range.
var next atomic.Uint32

func init() { next.Store(rand.Uint32N(last - first)) }

// Address returns an address on host, such as 127.0.0.1 or ::1, that was free a moment ago. It does
// not return the same address again before all others of the range.
func Address(t testing.TB, host string) string {
	t.Helper()
	for range last - first {
		port := first + next.Add(1)%(last-first)
		listener, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(int(port))))
		if err == nil {
			_ = listener.Close()
			return listener.Addr().String()
		}
	}
	require.Fail(t, "no free port", "on %s", host)
	return ""
}
