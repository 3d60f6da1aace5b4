package keyset

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/offload/sessiond/domain/keys"
)

// noon is the current time of the tests.
var noon = time.Date(2026, 2, 16, 12, 0, 0, 0, time.UTC)

// deadline is how long a test waits for an outcome.
const deadline = 2 * time.Minute

// With these variables a test starts its own binary as another process: to play a role, or to run
// the same test as another user.
const (
	varRole = "KEYSET_TEST_ROLE"
	varUser = "KEYSET_TEST_USER"
	// varFileLocks makes stores use the lock that they use on NFS.
	varFileLocks = "KEYSET_TEST_FILE_LOCKS"
)

// noExitDelay keeps the race detector from waiting for a second when a process ends.
const noExitDelay = "GORACE=atexit_sleep_ms=0"

// A user and a group that own nothing else on the machine.
const (
	otherUser  = 65534
	otherGroup = 65533
)

func TestMain(m *testing.M) {
	if role, plays := os.LookupEnv(varRole); plays {
		os.Exit(roles[role](os.Args[1:]))
	}
	goleak.VerifyTestMain(m)
}

// roles are what this binary does as another process; each returns its exit status.
var roles = map[string]func(args []string) int{
	// read PATH: reads the file as in a production-like environment.
	"read": func(args []string) int {
		_, err := Read(args[0], Rules{Production: true}, noon)
		return exitStatus(err)
	},
	// add PATH PREFIX COUNT: adds keys, one in each update.
	"add": func(args []string) int {
		count, err := strconv.Atoi(args[2])
		for i := 0; i < count && err == nil; i++ {
			err = add(patientStore(args[0]), args[1]+strconv.Itoa(i))
		}
		return exitStatus(err)
	},
	// cramped PATH: adds a key while no file may be larger than 64 bytes.
	"cramped": func(args []string) int {
		signal.Ignore(syscall.SIGXFSZ)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE,
			&syscall.Rlimit{Cur: 64, Max: 64}); err != nil {
			return exitStatus(err)
		}
		return exitStatus(add(NewStore(args[0]), "more"))
	},
	// hold PATH: stays in an update until standard input ends.
	"hold": func(args []string) int {
		return exitStatus(patientStore(args[0]).Update(context.Background(),
			func(*keys.Keyring) (*keys.Keyring, error) {
				fmt.Println("ready")
				_, err := io.Copy(io.Discard, os.Stdin)
				return nil, err
			}))
	},
	// rotate PATH: adds a key that signs and removes the oldest one, forever.
	"rotate": func(args []string) int {
		fmt.Println("ready")
		for i := 0; ; i++ {
			err := NewStore(args[0]).Update(context.Background(),
				func(keyring *keys.Keyring) (*keys.Keyring, error) {
					all := keyring.Keys()
					next := testKey(fmt.Sprintf("%d-%d", os.Getpid(), i),
						all[len(all)-1].Plan().SignFrom.Add(time.Second))
					return keys.NewKeyring(append(all[max(0, len(all)-3):], next)...)
				})
			if err != nil {
				return exitStatus(err)
			}
		}
	},
}

// exitStatus prints an error and returns the exit status for it.
func exitStatus(err error) int {
	if err == nil {
		return 0
	}
	fmt.Println(err)
	return 1
}

// identity is the user and group that a process runs as; the zero value is those of the test.
type identity struct{ user, group uint32 }

// roleCommand prepares another process that plays a role. The process is killed, and the test
// fails, if it is still running after the deadline.
func roleCommand(t *testing.T, who identity, role string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	t.Cleanup(cancel)
	// This name works even if the other user has no access to the path of the binary.
	process := exec.CommandContext(ctx, "/proc/self/exe", args...)
	process.Cancel = func() error {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			t.Errorf("the role %s is still running after %s", role, deadline)
		}
		return process.Process.Kill()
	}
	process.Dir = "/"
	process.Env = append(os.Environ(), varRole+"="+role, noExitDelay)
	if who.user != 0 {
		process.SysProcAttr = &syscall.SysProcAttr{
			Credential: &syscall.Credential{Uid: who.user, Gid: who.group}}
	}
	return process
}

// output runs a role and returns what it prints, and whether it succeeded. Messages of the runtime
// go to standard error.
func output(t *testing.T, process *exec.Cmd) (text string, ok bool) {
	t.Helper()
	out, err := process.Output()
	if err != nil {
		require.IsType(t, &exec.ExitError{}, err)
	}
	return strings.TrimSpace(string(out)), err == nil
}

// rerunUnprivileged runs the calling test as an unprivileged user if the test runs as root, for
// whom modes do not matter. It returns true if it has done so; then the caller must return.
func rerunUnprivileged(t *testing.T) bool {
	t.Helper()
	if os.Getuid() != 0 {
		return false
	}
	require.Empty(t, os.Getenv(varUser), "still root")
	process := exec.Command("/proc/self/exe", "-test.count=1",
		"-test.timeout="+(2*deadline).String(),
		"-test.run=^"+regexp.QuoteMeta(t.Name())+"$")
	process.Dir = "/"
	process.Env = append(os.Environ(), varUser+"=other", noExitDelay)
	process.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: otherUser, Gid: otherGroup}}
	out, err := process.CombinedOutput()
	require.NoError(t, err, "as another user:\n%s", out)
	require.Contains(t, string(out), "PASS")
	return true
}

// sharedDir returns a new directory that every user can reach, with links resolved.
func sharedDir(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
	require.NoError(t, os.Chmod(dir, 0o755))
	return dir
}

// testKey returns a symmetric key whose material is the digest of its id.
func testKey(id string, signFrom time.Time) keys.Key {
	secret := sha256.Sum256([]byte(id))
	return keys.NewHS256(keys.ID(id), secret[:], keys.Plan{SignFrom: signFrom})
}

// keyringOf returns a keyring of keys with these ids that may all sign at noon; the last one is the
// signer.
func keyringOf(t *testing.T, ids ...string) *keys.Keyring {
	t.Helper()
	all := make([]keys.Key, 0, len(ids))
	for i, id := range ids {
		all = append(all, testKey(id, noon.Add(time.Duration(i-len(ids))*time.Second)))
	}
	keyring, err := keys.NewKeyring(all...)
	require.NoError(t, err)
	return keyring
}

// keysetText returns the text of a file with such a keyring.
func keysetText(t *testing.T, ids ...string) string {
	t.Helper()
	return keys.FormatSet(keyringOf(t, ids...))
}

// idsOf returns the ids of a keyring's keys.
func idsOf(keyring *keys.Keyring) []string {
	var ids []string
	for _, key := range keyring.Keys() {
		ids = append(ids, string(key.ID()))
	}
	return ids
}

// add adds a key with one update, or creates the file with it.
func add(store *Store, id string) error {
	return store.Update(context.Background(), func(keyring *keys.Keyring) (*keys.Keyring, error) {
		var all []keys.Key
		if keyring != nil {
			all = keyring.Keys()
		}
		return keys.NewKeyring(append(all, testKey(id, noon))...)
	})
}

// patientStore returns a store that waits for other writers as long as a test may take.
func patientStore(path string) *Store {
	store := NewStore(path)
	store.lockTimeout = deadline
	if os.Getenv(varFileLocks) != "" {
		store.locks = fileLocks
	}
	return store
}

// write writes a file and sets its mode, whatever the umask.
func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	require.NoError(t, os.Chmod(path, mode))
}

// replace replaces a file with a text in one step.
func replace(t *testing.T, path, text string) {
	t.Helper()
	write(t, path+".new", text, 0o600)
	require.NoError(t, os.Rename(path+".new", path))
}

// link replaces whatever is at path with a symbolic link in one step.
func link(t *testing.T, to, path string) {
	t.Helper()
	require.NoError(t, os.Symlink(to, path+".new"))
	require.NoError(t, os.Rename(path+".new", path))
}

// read returns a file's text.
func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// names returns the names of a directory's entries.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// descriptors returns the number of files that this process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	return len(names(t, "/proc/self/fd"))
}
