package redisserver

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// MasterSet is the name under which a Sentinel knows its master.
const MasterSet = "limits"

// StartSentinel starts a Sentinel that watches master alone, and fails over by itself when that is
// down for half a second.
func StartSentinel(t testing.TB, master *Server) *Server {
	t.Helper()
	config := filepath.Join(t.TempDir(), "sentinel.conf") // which a Sentinel must be able to write
	text := fmt.Sprintf(
		"sentinel monitor %[1]s 127.0.0.1 %[2]d 1\nsentinel down-after-milliseconds %[1]s 500\n",
		MasterSet, master.Port)
	require.NoError(t, os.WriteFile(config, []byte(text), 0o600))
	return start(t, "+monitor master "+MasterSet, []string{config, "--sentinel"})
}

// Await waits until the server says words.
func (s *Server) Await(t testing.TB, words string) {
	t.Helper()
	require.True(t, s.log.await(words, s.ended), "%s", s.log)
}
