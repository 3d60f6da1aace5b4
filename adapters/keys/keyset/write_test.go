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

	"github.com/offload/sessiond/domain/keys"
)

// problem is that of an error, which is a *WriteError.
func problem(t *testing.T, err error) WriteProblem {
	t.Helper()
	var write *WriteError
	require.ErrorAs(t, err, &write)
	return write.Problem
}

// node is what tells a file from another of the same name.
func node(t *testing.T, path string) uint64 {
	t.Helper()
	return status(t, path).Ino
}

func status(t *testing.T, path string) *syscall.Stat_t {
	t.Helper()
	stat, err := os.Lstat(path)
	require.NoError(t, err)
	return stat.Sys().(*syscall.Stat_t)
}

func mode(t *testing.T, path string) fs.FileMode {
	t.Helper()
	stat, err := os.Lstat(path)
	require.NoError(t, err)
	return stat.Mode()
}

func TestTheFirstKeyMakesTheFile(t *testing.T) {
	for _, mask := range []int{0, 0o022, 0o777} {
		t.Run(fmt.Sprintf("mask %03o", mask), func(t *testing.T) {
			folder := sharedFolder(t)
			path := filepath.Join(folder, "keyset.json")
			previous := syscall.Umask(mask)
			err := NewStore(path).Update(t.Context(),
				func(keyring *keys.Keyring) (*keys.Keyring, error) {
					assert.Nil(t, keyring)
					return ringOf(t, "a"), nil
				})
			syscall.Umask(previous)
			require.NoError(t, err)
			assert.Equal(t, fs.FileMode(0o600), mode(t, path))
			assert.Equal(t, textOf(t, "a"), read(t, path))
			assert.Equal(t, []string{"keyset.json"}, names(t, folder))
		})
	}
}

func TestAChangeKeepsModeAndOwner(t *testing.T) {
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
				path := filepath.Join(sharedFolder(t), "keyset.json")
				write(t, path, textOf(t, "a"), 0o600)
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

func TestLinksAreFollowedAndStay(t *testing.T) {
	root := sharedFolder(t)
	for _, folder := range []string{"etc", "srv/keys"} {
		require.NoError(t, os.MkdirAll(filepath.Join(root, folder), 0o700))
	}
	path, middle, target := root+"/etc/keyset.json", root+"/etc/middle", root+"/srv/keys/real.json"
	require.NoError(t, os.Symlink("middle", path))
	require.NoError(t, os.Symlink("../srv/keys/real.json", middle))
	for i, id := range []string{"a", "b"} { // the first makes what the links name
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

func TestWhatCannotBeReadIsNotWrittenOver(t *testing.T) {
	sound := textOf(t, "a")
	for name, c := range map[string]struct {
		make func(path string) error
		want Reason
	}{
		"torn": {func(path string) error {
			return os.WriteFile(path, []byte(sound[:len(sound)-4]), 0o600)
		}, ReasonMalformed},
		"empty": {func(path string) error {
			return os.WriteFile(path, nil, 0o600)
		}, ReasonMalformed},
		"too large": {func(path string) error {
			return os.WriteFile(path, make([]byte, keys.MaxSetBytes+1), 0o600)
		}, ReasonTooLarge},
		"a folder": {func(path string) error { return os.Mkdir(path, 0o700) }, ReasonNotRegular},
		"a pipe": {func(path string) error {
			return syscall.Mkfifo(path, 0o600)
		}, ReasonNotRegular},
	} {
		t.Run(name, func(t *testing.T) {
			folder := sharedFolder(t)
			path := filepath.Join(folder, "keyset.json")
			require.NoError(t, c.make(path))
			before := *status(t, path)
			err := NewStore(path).Update(t.Context(), func(*keys.Keyring) (*keys.Keyring, error) {
				t.Error("there is nothing to change")
				return ringOf(t, "b"), nil
			})
			assert.Equal(t, []Reason{c.want}, reasons(t, err))
			after := *status(t, path)
			before.Atim, after.Atim = syscall.Timespec{}, syscall.Timespec{}
			assert.Equal(t, before, after)
			assert.Equal(t, []string{"keyset.json"}, names(t, folder))
		})
	}
}

func TestWhatIsNotWritten(t *testing.T) {
	refused := errors.New("refused")
	large := make([]byte, keys.MaxSetBytes)
	copy(large, "large")
	for name, c := range map[string]struct {
		change func(*keys.Keyring) (*keys.Keyring, error)
		check  func(*testing.T, error)
	}{
		"the change's error": {
			func(*keys.Keyring) (*keys.Keyring, error) { return ringOf(t, "b"), refused },
			func(t *testing.T, err error) { t.Helper(); assert.Equal(t, refused, err, "as it is") },
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
				assert.Equal(t, ProblemUnfit,
					problem(t, err))
			},
		},
		"an instant that no file can tell": {
			func(*keys.Keyring) (*keys.Keyring, error) {
				return keys.NewKeyring(testKey("b", noon).WithPlan(keys.Plan{}))
			},
			func(t *testing.T, err error) {
				t.Helper()
				assert.Equal(t, ProblemUnfit,
					problem(t, err))
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			folder := sharedFolder(t)
			path := filepath.Join(folder, "keyset.json")
			text := " " + textOf(t, "a") // not as this service would write it
			write(t, path, text, 0o640)
			before := node(t, path)
			c.check(t, NewStore(path).Update(t.Context(), c.change))
			assert.Equal(t, before, node(t, path))
			assert.Equal(t, text, read(t, path))
			assert.Equal(t, []string{"keyset.json"}, names(t, folder))
		})
	}
	t.Run("no keyring where there is no file", func(t *testing.T) {
		folder := sharedFolder(t)
		require.NoError(t, NewStore(filepath.Join(folder, "keyset.json")).Update(t.Context(),
			func(*keys.Keyring) (*keys.Keyring, error) { return nil, nil }))
		assert.Empty(t, names(t, folder))
	})
}

func TestAFolderThatIsNotThere(t *testing.T) {
	root := sharedFolder(t)
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

// unharmed runs what must fail, and sees that the file is as it was, and alone.
func unharmed(t *testing.T, path string, fails func() error) error {
	t.Helper()
	before, text := node(t, path), read(t, path)
	beside := names(t, filepath.Dir(path))
	err := fails()
	require.Error(t, err)
	assert.Equal(t, before, node(t, path))
	assert.Equal(t, text, read(t, path))
	assert.Equal(t, beside, names(t, filepath.Dir(path)))
	return err
}

func TestAReadOnlyFolder(t *testing.T) {
	if elsewhere(t) {
		return
	}
	folder := filepath.Join(sharedFolder(t), "etc")
	path := filepath.Join(folder, "keyset.json")
	require.NoError(t, os.Mkdir(folder, 0o700))
	write(t, path, textOf(t, "a"), 0o600)
	require.NoError(t, os.Chmod(folder, 0o500))
	t.Cleanup(func() { _ = os.Chmod(folder, 0o700) })
	err := unharmed(t, path, func() error { return add(NewStore(path), "b") })
	assert.EqualError(t, err, "keyset file: cannot be written: permission denied")
	assert.Equal(t, ProblemUnwritable, problem(t, err))
	err = unharmed(t, path, func() error {
		return add(NewStore(filepath.Join(folder, "new.json")),
			"b")
	})
	assert.Equal(t, ProblemUnwritable, problem(t, err))
}

func TestAFileThatMayNotBeRead(t *testing.T) {
	if elsewhere(t) {
		return
	}
	path := filepath.Join(sharedFolder(t), "keyset.json")
	write(t, path, textOf(t, "a"), 0)
	before := node(t, path)
	err := add(NewStore(path), "b")
	assert.Equal(t, []Reason{ReasonUnreadable}, reasons(t, err))
	assert.EqualError(t, err, "keyset file: cannot be read: permission denied")
	assert.Equal(t, before, node(t, path))
}

// TestAFileOfAnotherUser has a user who may write in the folder, but not give files away.
func TestAFileOfAnotherUser(t *testing.T) {
	if os.Getuid() != 0 {
		return // only root can make such a file
	}
	for name, owner := range map[string]as{"user": {0, otherGroup}, "group": {otherUser, 0}} {
		t.Run(name, func(t *testing.T) {
			folder := filepath.Join(sharedFolder(t), "etc")
			path := filepath.Join(folder, "keyset.json")
			require.NoError(t, os.Mkdir(folder, 0o700))
			write(t, path, textOf(t, "a"), 0o644)
			require.NoError(t, os.Chown(path, int(owner.user), int(owner.group)))
			require.NoError(t, os.Chown(folder, otherUser, otherGroup))
			err := unharmed(t, path, func() error {
				text, well := output(t, play(t, as{otherUser, otherGroup}, "add", path, "b", "1"))
				assert.False(t, well)
				return errors.New(text)
			})
			assert.EqualError(t, err,
				"keyset file: belongs to another user or group, which this process may not give to its successor: "+
					"operation not permitted")
			assert.EqualValues(t, owner.user, status(t, path).Uid)
		})
	}
}

// TestADiskThatTakesNoMore has a process that may not write files of more than 64 bytes.
func TestADiskThatTakesNoMore(t *testing.T) {
	path := filepath.Join(sharedFolder(t), "keyset.json")
	write(t, path, textOf(t, "a"), 0o600)
	err := unharmed(t, path, func() error {
		text, _ := output(t, play(t, as{}, "cramped", path))
		return errors.New(text)
	})
	assert.EqualError(t, err, "keyset file: cannot be written: file too large")
}

func TestWhatKilledWritersLeftIsRemoved(t *testing.T) {
	folder := sharedFolder(t)
	path := filepath.Join(folder, "keyset.json")
	write(t, path, textOf(t, "a"), 0o600)
	stay := []string{
		".keyset.json", ".keyset.json20260216120000", ".keyset.json1771243200000000000",
		".keyset.json.next1", "keyset.json.next", "..keyset.json",
		"..other.json.next1", "keyset.json~",
	}
	for _, name := range append(stay, ".keyset.json.next", "..keyset.json.next1",
		"..keyset.json.next9223372036854775807") {
		write(t, filepath.Join(folder, name), textOf(t, "left"), 0o600)
	}
	require.NoError(t, add(NewStore(path), "b"))
	assert.ElementsMatch(t, append(stay, "keyset.json"), names(t, folder))
}

// TestARenameThatIsRefused has a folder come to be where the file shall be; the system refuses a
// file that is a mount point in the same way.
func TestARenameThatIsRefused(t *testing.T) {
	root := sharedFolder(t)
	require.NoError(t, os.Mkdir(root+"/keyset.json", 0o700))
	folder, err := openFolder(root + "/keyset.json")
	require.NoError(t, err)
	defer folder.close()
	err = folder.replace(&current{}, textOf(t, "a"))
	assert.Equal(t, ProblemUnwritable, problem(t, err))
	assert.Equal(t, []string{"keyset.json"}, names(t, root))
}

func TestAWriterWaitsForOthersForATime(t *testing.T) {
	path := filepath.Join(sharedFolder(t), "keyset.json")
	write(t, path, textOf(t, "a"), 0o600)
	synctest.Test(t, func(t *testing.T) {
		holder, err := openFolder(path)
		require.NoError(t, err)
		require.NoError(t, holder.lock(t.Context()))

		began := time.Now()
		err = add(NewStore(path), "b")
		assert.Equal(t, ProblemBusy, problem(t, err))
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.EqualError(t, err,
			"keyset file: is being changed by another process: context deadline exceeded")
		assert.Equal(t, lockWithin, time.Since(began))

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		err = NewStore(path).Update(ctx, func(*keys.Keyring) (*keys.Keyring, error) {
			return ringOf(t, "b"), nil
		})
		assert.Equal(t, ProblemBusy, problem(t, err))
		assert.Equal(t, time.Second, time.Since(began))
		assert.Equal(t, textOf(t, "a"), read(t, path))

		done := make(chan error)
		go func() { done <- add(NewStore(path), "b") }()
		time.Sleep(lockWithin - time.Second)
		holder.close()
		require.NoError(t, <-done)
	})
	keyring, err := Load(path)
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{"a", "b"}, idsOf(keyring))
}

func TestAChangeThatPanicsLetsGo(t *testing.T) {
	path := filepath.Join(sharedFolder(t), "keyset.json")
	before := descriptors(t)
	assert.Panics(t, func() {
		_ = NewStore(path).Update(t.Context(), func(*keys.Keyring) (*keys.Keyring, error) {
			panic("defect")
		})
	})
	require.NoError(t, add(NewStore(path), "a"))
	assert.Equal(t, before, descriptors(t))
}

func TestWritingLeavesNothingOpen(t *testing.T) {
	folder := sharedFolder(t)
	path := filepath.Join(folder, "keyset.json")
	write(t, filepath.Join(folder, "torn.json"), "{", 0o600)
	before := descriptors(t)
	for i := range 3 {
		require.NoError(t, add(NewStore(path), fmt.Sprint(i)))
		require.Error(t, add(NewStore(path), fmt.Sprint(i))) // an id twice
		require.Error(t, add(NewStore(filepath.Join(folder, "torn.json")), "a"))
		require.Error(t, add(NewStore(filepath.Join(folder, "no", "keyset.json")), "a"))
	}
	assert.Equal(t, before, descriptors(t))
	assert.ElementsMatch(t, []string{"keyset.json", "torn.json"}, names(t, folder))
}

// TestNoErrorHoldsMaterial looks for the key of a file in what is said of its failures.
func TestNoErrorHoldsMaterial(t *testing.T) {
	path := filepath.Join(sharedFolder(t), "keyset.json")
	text := textOf(t, "a")
	material := text[strings.Index(text, `"k":"`)+5:][:20]
	write(t, path, strings.Replace(text, `"sign_from"`, `"signfrom"`, 1), 0o600)
	err := add(NewStore(path), "b")
	require.ErrorContains(t, err, "key 1 (a): ")
	assert.NotContains(t, err.Error(), material)
	assert.NotContains(t, fmt.Sprintf("%+v %#v", err, err), material)
}
