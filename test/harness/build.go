package harness

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// module is the path of the module that holds the service.
const module = "github.com/offload/sessiond"

// built holds the path of the binary after the first call of Binary.
var built struct {
	once sync.Once
	path string
	err  error
}

// Binary builds the service and returns the path of the executable. All test processes share it: it
// is linked again only if the sources have changed.
func Binary(t testing.TB) string {
	t.Helper()
	built.once.Do(func() { built.path, built.err = build() })
	require.NoError(t, built.err)
	return built.path
}

// build brings the binary in .build/test up to date. A lock keeps other processes from building at
// the same time. A new binary replaces the old one in one step, so that a process which starts the
// service meanwhile gets one or the other, never a part.
func build() (string, error) {
	root, err := output(exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module))
	if err != nil {
		return "", err
	}
	folder := filepath.Join(strings.TrimSpace(root), ".build", "test")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	lock, err := os.OpenFile(filepath.Join(folder, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", err
	}
	defer func() { _ = lock.Close() }() // releases the lock
	for err = unix.EINTR; errors.Is(err, unix.EINTR); {
		err = unix.Flock(int(lock.Fd()), unix.LOCK_EX)
	}
	if err != nil {
		return "", fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	// The go command leaves an up-to-date file as it is, and replaces any other. The commit is left
	// out, because a commit alone is no reason to link again.
	candidate := filepath.Join(folder, "candidate")
	// The flags that decide how packages are compiled are those of make build, so that the two
	// share the build cache.
	command := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", candidate,
		"./cmd/sessiond")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	command.Dir = strings.TrimSpace(root)
	if _, err := output(command); err != nil {
		return "", err
	}
	path := filepath.Join(folder, "sessiond")
	return path, publish(candidate, path)
}

// publish makes path another name of the file candidate.
func publish(candidate, path string) error {
	next, err := os.Stat(candidate)
	if err != nil {
		return err
	}
	if current, err := os.Stat(path); err == nil && os.SameFile(current, next) {
		return nil
	}
	link := path + ".next"
	if err := os.Remove(link); err != nil && !os.IsNotExist(err) {
		return err
	}
	if err := os.Link(candidate, link); err != nil {
		return err
	}
	return os.Rename(link, path)
}

// output runs a command and returns its standard output. The error holds its standard error.
func output(command *exec.Cmd) (string, error) {
	var errors strings.Builder
	command.Stderr = &errors
	text, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", command, err, errors.String())
	}
	return string(text), nil
}
