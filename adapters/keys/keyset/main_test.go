package keyset

import (
	"context"
	"crypto/sha256"
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

// noon is when tests happen.
var noon = time.Date(2026, 2, 16, 12, 0, 0, 0, time.UTC)

// By these variables a test starts its own binary as another process: to play a role there, or to
// be the same test as another user.
const (
	varRole = "KEYSET_TEST_ROLE"
	varUser = "KEYSET_TEST_USER"
)

// endAtOnce has the race detector not wait a second at the end of a process.
const endAtOnce = "GORACE=atexit_sleep_ms=0"

// A user and a group that nothing else here belongs to.
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

// roles are what this binary does as another process, each with its exit status.
var roles = map[string]func(args []string) int{
	// read PATH: as a production-like environment does.
	"read": func(args []string) int {
		_, err := Read(args[0], Rules{Production: true}, noon)
		return told(err)
	},
	// add PATH PREFIX COUNT: adds keys, one an update.
	"add": func(args []string) int {
		count, err := strconv.Atoi(args[2])
		for i := 0; i < count && err == nil; i++ {
			err = add(NewStore(args[0]), args[1]+strconv.Itoa(i))
		}
		return told(err)
	},
	// cramped PATH: adds a key where no file may be larger than 64 bytes.
	"cramped": func(args []string) int {
		signal.Ignore(syscall.SIGXFSZ)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE,
			&syscall.Rlimit{Cur: 64, Max: 64}); err != nil {
			return told(err)
		}
		return told(add(NewStore(args[0]), "more"))
	},
	// hold PATH: is at a change until standard input ends.
	"hold": func(args []string) int {
		return told(NewStore(args[0]).Update(context.Background(),
			func(*keys.Keyring) (*keys.Keyring, error) {
				fmt.Println("ready")
				_, err := io.Copy(io.Discard, os.Stdin)
				return nil, err
			}))
	},
	// rotate PATH: adds a key that signs and takes the oldest out, for ever.
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
				return told(err)
			}
		}
	},
}

// told prints an error and is the exit status that goes with it.
func told(err error) int {
	if err == nil {
		return 0
	}
	fmt.Println(err)
	return 1
}

// as is who a process runs as; the zero value is anyone who runs the test.
type as struct{ user, group uint32 }

// play prepares a role in another process.
func play(t *testing.T, as as, role string, args ...string) *exec.Cmd {
	t.Helper()
	// by this name also where the other user may not walk to the binary
	process := exec.Command("/proc/self/exe", args...)
	process.Dir = "/"
	process.Env = append(os.Environ(), varRole+"="+role, endAtOnce)
	if as.user != 0 {
		process.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: as.user,
			Gid: as.group}}
	}
	return process
}

// output is what a role prints until it ends, and whether it ended well. What the runtime has to
// say goes to standard error.
func output(t *testing.T, process *exec.Cmd) (text string, well bool) {
	t.Helper()
	out, err := process.Output()
	if err != nil {
		require.IsType(t, &exec.ExitError{}, err)
	}
	return strings.TrimSpace(string(out)), err == nil
}

// elsewhere runs the test that calls it as a user without privileges where it runs as root, whom no
// mode stops; it is true where that is done, and the caller has nothing more to do.
func elsewhere(t *testing.T) bool {
	t.Helper()
	if os.Getuid() != 0 {
		return false
	}
	require.Empty(t, os.Getenv(varUser), "still root")
	process := exec.Command("/proc/self/exe", "-test.count=1",
		"-test.run=^"+regexp.QuoteMeta(t.Name())+"$")
	process.Dir = "/"
	process.Env = append(os.Environ(), varUser+"=other", endAtOnce)
	process.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: otherUser,
		Gid: otherGroup}}
	out, err := process.CombinedOutput()
	require.NoError(t, err, "as another user:\n%s", out)
	require.Contains(t, string(out), "PASS")
	return true
}

// sharedFolder makes a folder that any user can walk to, links resolved.
func sharedFolder(t *testing.T) string {
	t.Helper()
	folder, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, os.Chmod(filepath.Dir(folder), 0o755))
	require.NoError(t, os.Chmod(folder, 0o755))
	return folder
}

// testKey is a symmetric key whose material is its id's digest.
func testKey(id string, signFrom time.Time) keys.Key {
	secret := sha256.Sum256([]byte(id))
	return keys.NewHS256(keys.ID(id), secret[:], keys.Plan{SignFrom: signFrom})
}

// ringOf is a keyring of keys that have those ids and may all sign at noon, the last one before the
// others.
func ringOf(t *testing.T, ids ...string) *keys.Keyring {
	t.Helper()
	all := make([]keys.Key, 0, len(ids))
	for i, id := range ids {
		all = append(all, testKey(id, noon.Add(time.Duration(i-len(ids))*time.Second)))
	}
	keyring, err := keys.NewKeyring(all...)
	require.NoError(t, err)
	return keyring
}

// textOf is the file of such a keyring.
func textOf(t *testing.T, ids ...string) string {
	t.Helper()
	return keys.FormatSet(ringOf(t, ids...))
}

// idsOf are the ids in a keyring.
func idsOf(keyring *keys.Keyring) []string {
	var ids []string
	for _, key := range keyring.Keys() {
		ids = append(ids, string(key.ID()))
	}
	return ids
}

// add is an update that adds a key, the first one to a new file.
func add(store *Store, id string) error {
	return store.Update(context.Background(), func(keyring *keys.Keyring) (*keys.Keyring, error) {
		var all []keys.Key
		if keyring != nil {
			all = keyring.Keys()
		}
		return keys.NewKeyring(append(all, testKey(id, noon))...)
	})
}

// write puts a text into a file whose mode it sets, whatever the process's mask.
func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	require.NoError(t, os.Chmod(path, mode))
}

// replace puts a text in the place of a file in one step.
func replace(t *testing.T, path, text string) {
	t.Helper()
	write(t, path+".new", text, 0o600)
	require.NoError(t, os.Rename(path+".new", path))
}

// link puts a symbolic link in the place of whatever stands there, in one step.
func link(t *testing.T, to, path string) {
	t.Helper()
	require.NoError(t, os.Symlink(to, path+".new"))
	require.NoError(t, os.Rename(path+".new", path))
}

// read is a file's text.
func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// names are what lies in a folder.
func names(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// descriptors is how many files this process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	return len(names(t, "/proc/self/fd"))
}
