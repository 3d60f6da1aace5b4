package harness

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// StrongSecret and OtherSecret are two secrets that satisfy the policy.
const (
	StrongSecret = "q0Xv7Gm2Jw9sTzYhB4nLkRcEoAiUd8Pf3Vx6MgQyHbE="
	OtherSecret  = "mH3zKd9RwXq5TbVn7YcJf2LsGp8EuAoZ4iMx6QyWhNk="
)

// SecretFile creates a file with a mode, in a folder of its own, and returns its path.
func SecretFile(t testing.TB, mode os.FileMode, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(name, []byte(content), mode))
	require.NoError(t, os.Chmod(name, mode)) // whatever the umask
	return name
}

// AssertNoSecret fails if text contains part of a secret in env.
func AssertNoSecret(t testing.TB, text string, env Env) {
	t.Helper()
	const part = 8
	for _, name := range []string{"OFFLOAD_SESSION_SECRET", "OFFLOAD_SESSION_SIGNING_KEYS",
		"OFFLOAD_LIMITER_DIGEST_KEY"} {
		value := strings.NewReplacer("v2-default", "", "published",
			"").Replace(strings.TrimSpace(env[name]))
		for i := 0; i+part <= len(value); i++ {
			if strings.Contains(text, value[i:i+part]) {
				assert.Fail(t, "part of a secret was printed", "%s: %q in\n%s", name,
					value[i:i+part], text)
				return
			}
		}
	}
}
