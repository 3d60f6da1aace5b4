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
	return startSentinel(t, master.Port, args)
}

func startSentinel(t testing.TB, masterPort int, args []string) *Server {
	t.Helper()
	config := filepath.Join(t.TempDir(), "sentinel.conf") // which a Sentinel must be able to write
	text := fmt.Sprintf("sentinel monitor %[1]s 127.0.0.1 %[2]d 1\n"+
		"sentinel down-after-milliseconds %[1]s 3600000\n", MasterSet, masterPort)
	require.NoError(t, os.WriteFile(config, []byte(text), 0o600))
	return start(t, "+monitor master "+MasterSet, append([]string{config, "--sentinel"}, args...))
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
