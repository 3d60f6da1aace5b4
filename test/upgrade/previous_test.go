package upgrade

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = "../.."

// service lists what the binary is built from.
var service = []string{"domain", "ports", "app", "adapters", "bootstrap", "cmd/sessiond/main.go",
	"go.mod", "go.sum"}

// previous is a version to run beside the present one.
type previous struct {
	// about says which version it is; it names the test.
	about  string
	commit string
}

// find returns the last commit before the one that changed the service last. A clone with a single
// commit has none: then it returns the present commit, which shows that replicas of one version
// work together, and nothing about an upgrade.
func find(t *testing.T) previous {
	t.Helper()
	last := git(t, append([]string{"rev-list", "-1", "HEAD", "--"}, service...)...)
	parents := strings.Fields(git(t, "rev-list", "-1", "--parents", last))
	if len(parents) < 2 {
		return previous{"only this version, since the clone has none before", last}
	}
	return previous{"the version before", parents[1]}
}

// build builds the binary of the version and returns its path.
func (p previous) build(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	archive := filepath.Join(folder, "source.tar")
	git(t, "archive", "--output", archive, p.commit)
	run(t, exec.Command("tar", "-xf", archive, "-C", folder))
	binary := filepath.Join(folder, "sessiond")
	command := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", binary,
		"./cmd/sessiond")
	command.Dir = folder
	command.Env = append(command.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	run(t, command)
	return binary
}

// git runs git in the repository and returns its output.
func git(t *testing.T, args ...string) string {
	t.Helper()
	return strings.TrimSpace(run(t, exec.Command("git", append([]string{"-C", root}, args...)...)))
}

func run(t *testing.T, command *exec.Cmd) string {
	t.Helper()
	var problem strings.Builder
	command.Stderr = &problem
	output, err := command.Output()
	require.NoError(t, err, "%s\n%s", command, problem.String())
	return string(output)
}
