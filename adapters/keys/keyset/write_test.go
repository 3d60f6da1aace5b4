package keyset

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/system/securefile"
	"github.com/offload/sessiond/domain/keys"
)

// problem returns the problem of an error, which is a *WriteError.
func problem(t *testing.T, err error) WriteProblem {
	t.Helper()
	var write *WriteError
	require.ErrorAs(t, err, &write)
	return write.Problem
}

// node returns the inode number, which distinguishes a file from its replacement.
func node(t *testing.T, path string) uint64 {
	t.Helper()
	return status(t, path).Ino
}

// status returns the attributes of the file at path itself, not of the target of a link.
func status(t *testing.T, path string) *syscall.Stat_t {
	t.Helper()
	stat, err := os.Lstat(path)
	require.NoError(t, err)
	return stat.Sys().(*syscall.Stat_t)
}

// mode returns the mode of the file at path itself, not of the target of a link.
func mode(t *testing.T, path string) fs.FileMode {
	t.Helper()
	stat, err := os.Lstat(path)
	require.NoError(t, err)
	return stat.Mode()
}

func TestFirstUpdateCreatesFile(t *testing.T) {
	for _, mask := range []int{0, 0o022, 0o777} {
		t.Run(fmt.Sprintf("mask %03o", mask), func(t *testing.T) {
			dir := sharedDir(t)
			path := filepath.Join(dir, "keyset.json")
			previous := syscall.Umask(mask)
			err := NewStore(path).Update(t.Context(),
				func(keyring *keys.Keyring) (*keys.Keyring, error) {
					assert.Nil(t, keyring)
					return keyringOf(t, "a"), nil
				})
			syscall.Umask(previous)
			require.NoError(t, err)
			assert.Equal(t, fs.FileMode(0o600), mode(t, path))
			assert.Equal(t, keysetText(t, "a"), read(t, path))
			assert.Equal(t, []string{"keyset.json"}, names(t, dir))
		})
	}
}

func TestUpdateKeepsModeAndOwner(t *testing.T) {
	type owner struct{ user, group int }
	owners := []owner{{os.Getuid(), os.Getgid()}}
	if os.Getuid() == 0 {
		owners = append(owners, owner{0, otherGroup}, owner{otherUser, 0},
			owner{otherUser, otherGroup})
	}
	for _, owner := range owners {
		for _, want := range []fs.FileMode{0o600, 0o640, 0o440, 0o400, 0o644, 0o000} {
			if want == 0 && os.Getuid() != 0 {
				continue // not even its owner could read it
			}
			t.Run(fmt.Sprintf("%d:%d %s", owner.user, owner.group, want), func(t *testing.T) {
				path := filepath.Join(sharedDir(t), "keyset.json")
				write(t, path, keysetText(t, "a"), 0o600)
				require.NoError(t, os.Chown(path, owner.user, owner.group))
				require.NoError(t, os.Chmod(path, want))
				before := node(t, path)
				require.NoError(t, add(NewStore(path), "b"))
				assert.NotEqual(t, before, node(t, path))
				assert.Equal(t, want, mode(t, path))
				assert.EqualValues(t, owner.user, status(t, path).Uid)
				assert.EqualValues(t, owner.group, status(t, path).Gid)
				require.NoError(t, os.Chmod(path, 0o600))
				keyring, err := Load(path)
				require.NoError(t, err)
				assert.ElementsMatch(t, []string{"a", "b"}, idsOf(keyring))
			})
		}
	}
}

func TestUpdateFollowsAndKeepsLinks(t *testing.T) {
	root := sharedDir(t)
	for _, dir := range []string{"etc", "srv/keys"} {
		require.NoError(t, os.MkdirAll(filepath.Join(root, dir), 0o700))
	}
	path, middle, target := root+"/etc/keyset.json", root+"/etc/middle", root+"/srv/keys/real.json"
	require.NoError(t, os.Symlink("middle", path))
	require.NoError(t, os.Symlink("../srv/keys/real.json", middle))
	for i, id := range []string{"a", "b"} { // the first update creates the target of the links
		require.NoError(t, add(NewStore(path), id))
		assert.Equal(t, fs.ModeSymlink, mode(t, path).Type())
		assert.Equal(t, fs.ModeSymlink, mode(t, middle).Type())
		keyring, err := Load(target)
		require.NoError(t, err)
		assert.Len(t, idsOf(keyring), i+1)
	}
	assert.Equal(t, []string{"keyset.json", "middle"}, names(t, filepath.Join(root, "etc")))
	assert.Equal(t, []string{"real.json"}, names(t, root+"/srv/keys"))
}

func TestUpdateRefusesUnreadableKeyset(t *testing.T) {
	valid := keysetText(t, "a")
	for name, c := range map[string]struct {
		make func(path string) error
		want securefile.Reason
	}{
		"truncated": {func(path string) error {
			return os.WriteFile(path, []byte(valid[:len(valid)-4]), 0o600)
		}, ReasonMalformed},
		"empty": {func(path string) error {
			return os.WriteFile(path, nil, 0o600)
		}, ReasonMalformed},
		"too large": {func(path string) error {
			return os.WriteFile(path, make([]byte, keys.MaxSetBytes+1), 0o600)
		}, securefile.TooLarge},
		"a directory": {func(path string) error { return os.Mkdir(path, 0o700) }, securefile.NotRegular},
		"a pipe": {func(path string) error {
			return syscall.Mkfifo(path, 0o600)
		}, securefile.NotRegular},
	} {
		t.Run(name, func(t *testing.T) {
			dir := sharedDir(t)
			path := filepath.Join(dir, "keyset.json")
			require.NoError(t, c.make(path))
			before := *status(t, path)
			err := NewStore(path).Update(t.Context(), func(*keys.Keyring) (*keys.Keyring, error) {
				t.Error("change was called")
				return keyringOf(t, "b"), nil
			})
			assert.Equal(t, []securefile.Reason{c.want}, reasons(t, err))
			after := *status(t, path)
			before.Atim, after.Atim = syscall.Timespec{}, syscall.Timespec{}
			assert.Equal(t, before, after)
			assert.Equal(t, []string{"keyset.json"}, names(t, dir))
		})
	}
}

func TestUpdateWritesNothing(t *testing.T) {
	refused := errors.New("refused")
	large := make([]byte, keys.MaxSetBytes)
	copy(large, "large")
	for name, c := range map[string]struct {
		change func(*keys.Keyring) (*keys.Keyring, error)
		check  func(*testing.T, error)
	}{
		"an error from change": {
			func(*keys.Keyring) (*keys.Keyring, error) { return keyringOf(t, "b"), refused },
			func(t *testing.T, err error) {
				t.Helper()
				assert.Equal(t, refused, err, "unwrapped")
			},
		},
		"the same keyring": {
			func(keyring *keys.Keyring) (*keys.Keyring, error) { return keyring, nil },
			func(t *testing.T, err error) { t.Helper(); assert.NoError(t, err) },
		},
		"an equal keyring": {
			func(keyring *keys.Keyring) (*keys.Keyring, error) {
				return keys.NewKeyring(keyring.Keys()...)
			},
			func(t *testing.T, err error) { t.Helper(); assert.NoError(t, err) },
		},
		"no keyring": {
			func(*keys.Keyring) (*keys.Keyring, error) { return nil, nil },
			func(t *testing.T, err error) { t.Helper(); assert.NoError(t, err) },
		},
		"a set that is too large": {
			func(*keys.Keyring) (*keys.Keyring, error) {
				return keys.NewKeyring(keys.NewHS256("b", large, keys.Plan{SignFrom: noon}))
			},
			func(t *testing.T, err error) {
				t.Helper()
				assert.Equal(t, ProblemInvalid, problem(t, err))
			},
		},
		"an instant that a file cannot express": {
			func(*keys.Keyring) (*keys.Keyring, error) {
				return keys.NewKeyring(testKey("b", noon).WithPlan(keys.Plan{}))
			},
			func(t *testing.T, err error) {
				t.Helper()
				assert.Equal(t, ProblemInvalid, problem(t, err))
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := sharedDir(t)
			path := filepath.Join(dir, "keyset.json")
			text := " " + keysetText(t, "a") // not as this service would write it
			write(t, path, text, 0o640)
			before := node(t, path)
			c.check(t, NewStore(path).Update(t.Context(), c.change))
			assert.Equal(t, before, node(t, path))
			assert.Equal(t, text, read(t, path))
			assert.Equal(t, []string{"keyset.json"}, names(t, dir))
		})
	}
	t.Run("no keyring and no file", func(t *testing.T) {
		dir := sharedDir(t)
		require.NoError(t, NewStore(filepath.Join(dir, "keyset.json")).Update(t.Context(),
			func(*keys.Keyring) (*keys.Keyring, error) { return nil, nil }))
		assert.Empty(t, names(t, dir))
	})
}

func TestUpdateReportsMissingDirectory(t *testing.T) {
	root := sharedDir(t)
	require.NoError(t, os.Symlink("round", filepath.Join(root, "round")))
	write(t, filepath.Join(root, "file"), "", 0o600)
	for name, want := range map[string]error{"no/keyset.json": fs.ErrNotExist,
		"round/keyset.json": syscall.ELOOP, "file/keyset.json": syscall.ENOTDIR} {
		t.Run(name, func(t *testing.T) {
			err := add(NewStore(filepath.Join(root, name)), "a")
			assert.Equal(t, ProblemUnwritable, problem(t, err))
			assert.ErrorIs(t, err, want)
			assert.NotContains(t, err.Error(), root)
		})
	}
}

// requireUnchanged calls fails, which must fail, and checks that the file and its directory are
// unchanged. It returns the error.
func requireUnchanged(t *testing.T, path string, fails func() error) error {
	t.Helper()
	before, text := node(t, path), read(t, path)
	entries := names(t, filepath.Dir(path))
	err := fails()
	require.Error(t, err)
	assert.Equal(t, before, node(t, path))
	assert.Equal(t, text, read(t, path))
	assert.Equal(t, entries, names(t, filepath.Dir(path)))
	return err
}

func TestUpdateInReadOnlyDirectory(t *testing.T) {
	if rerunUnprivileged(t) {
		return
	}
	dir := filepath.Join(sharedDir(t), "etc")
	path := filepath.Join(dir, "keyset.json")
	require.NoError(t, os.Mkdir(dir, 0o700))
	write(t, path, keysetText(t, "a"), 0o600)
	require.NoError(t, os.Chmod(dir, 0o500))
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	err := requireUnchanged(t, path, func() error { return add(NewStore(path), "b") })
	assert.EqualError(t, err, "keyset file: cannot be written: permission denied")
	assert.Equal(t, ProblemUnwritable, problem(t, err))
	err = requireUnchanged(t, path, func() error {
		return add(NewStore(filepath.Join(dir, "new.json")), "b")
	})
	assert.Equal(t, ProblemUnwritable, problem(t, err))
}

func TestUpdateOfFileWithoutReadPermission(t *testing.T) {
	if rerunUnprivileged(t) {
		return
	}
	path := filepath.Join(sharedDir(t), "keyset.json")
	write(t, path, keysetText(t, "a"), 0)
	before := node(t, path)
	err := add(NewStore(path), "b")
	assert.Equal(t, []securefile.Reason{securefile.Forbidden}, reasons(t, err))
	assert.EqualError(t, err, "keyset file: may not be read by this process (permission denied)")
	assert.Equal(t, before, node(t, path))
}

// TestUpdateOfFileOfAnotherUser runs as a user who may write in the directory, but may not change
// the owner of a file.
func TestUpdateOfFileOfAnotherUser(t *testing.T) {
	if os.Getuid() != 0 {
		return // only root can make such a file
	}
	for name, owner := range map[string]identity{"user": {0, otherGroup}, "group": {otherUser, 0}} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(sharedDir(t), "etc")
			path := filepath.Join(dir, "keyset.json")
			require.NoError(t, os.Mkdir(dir, 0o700))
			write(t, path, keysetText(t, "a"), 0o644)
			require.NoError(t, os.Chown(path, int(owner.user), int(owner.group)))
			require.NoError(t, os.Chown(dir, otherUser, otherGroup))
			err := requireUnchanged(t, path, func() error {
				text, ok := output(t,
					roleCommand(t, identity{otherUser, otherGroup}, "add", path, "b", "1"))
				assert.False(t, ok)
				return errors.New(text)
			})
			assert.EqualError(t, err,
				"keyset file: belongs to another user or group, "+
					"which this process may not give to the new file: operation not permitted")
			assert.EqualValues(t, owner.user, status(t, path).Uid)
		})
	}
}

// TestUpdateOnFullDisk runs a process that may not write files of more than 64 bytes.
func TestUpdateOnFullDisk(t *testing.T) {
	path := filepath.Join(sharedDir(t), "keyset.json")
	write(t, path, keysetText(t, "a"), 0o600)
	err := requireUnchanged(t, path, func() error {
		text, _ := output(t, roleCommand(t, identity{}, "cramped", path))
		return errors.New(text)
	})
	assert.EqualError(t, err, "keyset file: cannot be written: file too large")
}

func TestUpdateRemovesLeftovers(t *testing.T) {
	dir := sharedDir(t)
	path := filepath.Join(dir, "keyset.json")
	write(t, path, keysetText(t, "a"), 0o600)
	stay := []string{
		".keyset.json", ".keyset.json20260216120000", ".keyset.json1771243200000000000",
		".keyset.json.next1", "keyset.json.next", "..keyset.json",
		"..other.json.next1", "keyset.json~",
	}
	for _, name := range append(stay, ".keyset.json.next", "..keyset.json.next1",
		"..keyset.json.next9223372036854775807") {
		write(t, filepath.Join(dir, name), keysetText(t, "leftover"), 0o600)
	}
	require.NoError(t, add(NewStore(path), "b"))
	assert.ElementsMatch(t, append(stay, "keyset.json"), names(t, dir))
}

// TestReplaceCleansUpAfterFailedRename has a directory at the name of the file; the system refuses
// to replace a mount point in the same way.
func TestReplaceCleansUpAfterFailedRename(t *testing.T) {
	root := sharedDir(t)
	require.NoError(t, os.Mkdir(root+"/keyset.json", 0o700))
	dir, err := openDir(root + "/keyset.json")
	require.NoError(t, err)
	defer dir.close()
	err = dir.replace(&current{}, keysetText(t, "a"))
	assert.Equal(t, ProblemUnwritable, problem(t, err))
	assert.Equal(t, []string{"keyset.json"}, names(t, root))
}

func TestUpdateWaitsForLockWithTimeout(t *testing.T) {
	path := filepath.Join(sharedDir(t), "keyset.json")
	write(t, path, keysetText(t, "a"), 0o600)
	synctest.Test(t, func(t *testing.T) {
		holder, err := openDir(path)
		require.NoError(t, err)
		require.NoError(t, holder.lock(t.Context(), systemLocks, lockTimeout))

		began := time.Now()
		err = add(NewStore(path), "b")
		assert.Equal(t, ProblemBusy, problem(t, err))
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.EqualError(t, err,
			"keyset file: is being changed by another process: context deadline exceeded")
		assert.Equal(t, lockTimeout, time.Since(began))

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		err = NewStore(path).Update(ctx, func(*keys.Keyring) (*keys.Keyring, error) {
			return keyringOf(t, "b"), nil
		})
		assert.Equal(t, ProblemBusy, problem(t, err))
		assert.Equal(t, time.Second, time.Since(began))
		assert.Equal(t, keysetText(t, "a"), read(t, path))

		done := make(chan error)
		go func() { done <- add(NewStore(path), "b") }()
		time.Sleep(lockTimeout - time.Second)
		holder.close()
		require.NoError(t, <-done)
	})
	keyring, err := Load(path)
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{"a", "b"}, idsOf(keyring))
}

func TestUpdateReleasesLockOnPanic(t *testing.T) {
	path := filepath.Join(sharedDir(t), "keyset.json")
	before := descriptors(t)
	assert.Panics(t, func() {
		_ = NewStore(path).Update(t.Context(), func(*keys.Keyring) (*keys.Keyring, error) {
			panic("defect")
		})
	})
	require.NoError(t, add(NewStore(path), "a"))
	assert.Equal(t, before, descriptors(t))
}

func TestUpdateLeaksNoDescriptors(t *testing.T) {
	dir := sharedDir(t)
	path := filepath.Join(dir, "keyset.json")
	write(t, filepath.Join(dir, "invalid.json"), "{", 0o600)
	before := descriptors(t)
	for i := range 3 {
		require.NoError(t, add(NewStore(path), fmt.Sprint(i)))
		require.Error(t, add(NewStore(path), fmt.Sprint(i))) // the id exists
		require.Error(t, add(NewStore(filepath.Join(dir, "invalid.json")), "a"))
		require.Error(t, add(NewStore(filepath.Join(dir, "no", "keyset.json")), "a"))
	}
	assert.Equal(t, before, descriptors(t))
	assert.ElementsMatch(t, []string{"keyset.json", "invalid.json"}, names(t, dir))
}

// TestErrorsHoldNoMaterial checks that errors do not show the key of a file.
func TestErrorsHoldNoMaterial(t *testing.T) {
	path := filepath.Join(sharedDir(t), "keyset.json")
	text := keysetText(t, "a")
	material := text[strings.Index(text, `"k":"`)+5:][:20]
	write(t, path, strings.Replace(text, `"sign_from"`, `"signfrom"`, 1), 0o600)
	err := add(NewStore(path), "b")
	require.ErrorContains(t, err, "key 1 (a): ")
	assert.NotContains(t, err.Error(), material)
	assert.NotContains(t, fmt.Sprintf("%+v %#v", err, err), material)
}
