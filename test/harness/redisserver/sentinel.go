package redisserver

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// MasterSet is the name by which a Sentinel knows its master.
const MasterSet = "limits"

// StartSentinel starts a Sentinel that monitors master alone. It takes the master for failed only
// after DetectMasterFailure, so that a loaded machine causes no failover.
func StartSentinel(t testing.TB, master *Server, args ...string) *Server {
	t.Helper()
	return startSentinel(t, master.Port, &Server{args: args})
}

// startSentinel starts the Sentinel that s describes.
func startSentinel(t testing.TB, masterPort int, s *Server) *Server {
	t.Helper()
	config := filepath.Join(t.TempDir(), "sentinel.conf") // which a Sentinel must be able to write
	text := fmt.Sprintf("sentinel monitor %[1]s 127.0.0.1 %[2]d 1\n"+
		"sentinel down-after-milliseconds %[1]s 3600000\n"+
		// A failover that fails is tried again after twice this time.
		"sentinel failover-timeout %[1]s 5000\n", MasterSet, masterPort)
	require.NoError(t, os.WriteFile(config, []byte(text), 0o600))
	s.ready = "+monitor master " + MasterSet
	s.args = append([]string{config, "--sentinel"}, s.args...)
	return start(t, s)
}

// DetectMasterFailure makes a Sentinel fail over as soon as its master has not answered for half a
// second.
func (s *Server) DetectMasterFailure(t testing.TB) {
	t.Helper()
	s.Do(t, "SENTINEL", "SET", MasterSet, "down-after-milliseconds", "500")
}

// Await waits until the server has logged words since its last start.
func (s *Server) Await(t testing.TB, words string) {
	t.Helper()
	require.True(t, s.log.await(words, s.ended), "the server at %s did not log %q:\n%s", s.Addr(),
		words, s.log)
}
