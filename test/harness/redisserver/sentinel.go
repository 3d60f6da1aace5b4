package redisserver

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// MasterSet is the name by which a Sentinel knows its master.
const MasterSet = "limits"

// StartSentinel starts a Sentinel that monitors master alone. It never takes the master for failed,
// so that a loaded machine causes no failover; DetectMasterFailure causes one.
func StartSentinel(t testing.TB, master *Server, args ...string) *Server {
	t.Helper()
	return startSentinel(t, master.Port, &Server{args: args})
}

// startSentinel starts the Sentinel that s describes.
func startSentinel(t testing.TB, masterPort int, s *Server) *Server {
	t.Helper()
	config := filepath.Join(t.TempDir(), "sentinel.conf") // which a Sentinel must be able to write
	text := fmt.Sprintf("sentinel monitor %[1]s 127.0.0.1 %[2]d 1\n"+
		"sentinel down-after-milliseconds %[1]s 3600000\n", MasterSet, masterPort)
	require.NoError(t, os.WriteFile(config, []byte(text), 0o600))
	s.ready = "+monitor master " + MasterSet
	s.args = append([]string{config, "--sentinel"}, s.args...)
	return start(t, s)
}

// DetectMasterFailure makes a Sentinel fail over, and waits until it has. A Sentinel that detects
// the failure by itself has only seconds for that: after them, the replica has been without a
// master for too long to be promoted.
func (s *Server) DetectMasterFailure(t testing.TB) {
	t.Helper()
	client := s.Client(t)
	ctx, cancel := context.WithTimeout(context.Background(), Timeout)
	defer cancel()
	for !strings.Contains(s.Log(), "+switch-master") {
		// It refuses while it fails over, and where it has not heard of the replica lately.
		err := client.Do(ctx, client.B().Arbitrary("SENTINEL", "FAILOVER", MasterSet).Build()).Error()
		require.NoError(t, ctx.Err(), "timed out waiting for the failover; %v:\n%s", err, s.Log())
		time.Sleep(20 * time.Millisecond)
	}
}

// Await waits until the server has logged words since its last start.
func (s *Server) Await(t testing.TB, words string) {
	t.Helper()
	require.True(t, s.Wrote(words, Timeout), "the server at %s did not log %q:\n%s", s.Addr(),
		words, s.Log())
}
