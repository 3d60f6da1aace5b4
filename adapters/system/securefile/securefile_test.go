package securefile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sharedDir returns a new directory that every user can reach, with links resolved.
func sharedDir(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
	require.NoError(t, os.Chmod(dir, 0o755))
	return dir
}

// write writes a file and sets its mode, whatever the umask.
func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	require.NoError(t, os.Chmod(path, mode))
}

// reasonOf returns the reason of an error, which is a *Fault with a problem and a remedy.
func reasonOf(t *testing.T, err error) Reason {
	t.Helper()
	if err == nil {
		return ""
	}
	var fault *Fault
	require.ErrorAs(t, err, &fault)
	assert.NotEmpty(t, fault.Problem)
	assert.NotEmpty(t, fault.Remedy)
	return fault.Reason
}

// reasonsOf returns the reasons of faults.
func reasonsOf(t *testing.T, faults []*Fault) []Reason {
	t.Helper()
	var reasons []Reason
	for _, fault := range faults {
		reasons = append(reasons, reasonOf(t, fault))
	}
	return reasons
}

func TestReadAcceptsOnlyRegularFilesWithinLimit(t *testing.T) {
	dir := sharedDir(t)
	at := func(name string) string { return filepath.Join(dir, name) }
	require.NoError(t, os.Mkdir(at("directory"), 0o700))
	require.NoError(t, syscall.Mkfifo(at("pipe"), 0o600))
	require.NoError(t, os.Symlink("pipe", at("link to pipe")))
	require.NoError(t, os.Symlink("file", at("link")))
	require.NoError(t, os.Symlink("round", at("round")))
	require.NoError(t, os.Symlink("nowhere", at("dangling")))
	write(t, at("file"), "content", 0o600)
	write(t, at("empty"), "", 0o600)
	write(t, at("too large"), "contents", 0o600)
	before := descriptors(t)
	for name, want := range map[string]Reason{
		at("file"): "", at("link"): "", at("empty"): "",
		at("too large"):      TooLarge,
		at("nothing"):        Missing,
		at("dangling"):       Missing,
		at("no/such/folder"): Missing,
		at("file/below"):     Unreadable,
		at("round"):          Unreadable,
		at("a\x00b"):         Unreadable,
		at("directory"):      NotRegular,
		at("pipe"):           NotRegular,
		at("link to pipe"):   NotRegular,
		"/dev/zero":          NotRegular,
		"/dev/tty":           NotRegular,
		"/dev/null":          NotRegular,
		"/":                  NotRegular,
	} {
		t.Run(name, func(t *testing.T) {
			file, err := Read(name, int64(len("content")))
			require.Equal(t, want, reasonOf(t, err))
			if want != "" {
				assert.NotContains(t, err.Error(), dir, "no path")
				return
			}
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			assert.Equal(t, string(text), string(file.Content))
		})
	}
	assert.Equal(t, before, descriptors(t))
}

// descriptors returns the number of files that this process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(entries)
}

// swappingFS is a file system in which a name refers to another file when it is opened than when it
// was checked.
type swappingFS struct{ Host }

func (swappingFS) OpenFile(name string, flag int, mode os.FileMode) (*os.File, error) {
	return os.OpenFile(name+".other", flag, mode)
}

func TestOpenDoesNotBlockOnPipe(t *testing.T) {
	name := filepath.Join(sharedDir(t), "file")
	write(t, name, "", 0o600)
	require.NoError(t, syscall.Mkfifo(name+".other", 0o600))
	before := descriptors(t)
	_, _, err := Open(swappingFS{}, name)
	assert.Equal(t, NotRegular, reasonOf(t, err))
	assert.Equal(t, before, descriptors(t))
}

func TestOpenReturnsInfoOfOpenedFile(t *testing.T) {
	name := filepath.Join(sharedDir(t), "file")
	write(t, name, "", 0o600)
	write(t, name+".other", "", 0o604)
	file, info, err := Open(swappingFS{}, name)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	assert.Equal(t, os.FileMode(0o604), info.Mode())
}

func TestExposuresOfModes(t *testing.T) {
	name := filepath.Join(sharedDir(t), "file")
	require.NoError(t, os.Symlink("file", name+".link"))
	for mode, want := range map[os.FileMode][]Reason{
		0o400: nil, 0o600: nil, 0o440: nil, 0o640: nil, 0o700: nil, 0o750: nil, 0o611: nil,
		0o660: {Exposed}, 0o620: {Exposed}, 0o604: {Exposed}, 0o644: {Exposed}, 0o602: {Exposed},
		0o606: {Exposed}, 0o664: {Exposed}, 0o666: {Exposed}, 0o777: {Exposed}, 0o444: {Exposed},
	} {
		t.Run(fmt.Sprintf("%04o", mode), func(t *testing.T) {
			require.NoError(t, os.RemoveAll(name))
			write(t, name, "", mode)
			for _, name := range []string{name, name + ".link"} {
				file, err := Read(name, 1)
				require.NoError(t, err)
				assert.Equal(t, want, reasonsOf(t, file.Exposures()))
			}
		})
	}
}

// TestExposuresOfFolders checks the folder of the file, the folder of a link to it, and the folders
// above: each lets those who may write it replace what it leads to.
func TestExposuresOfFolders(t *testing.T) {
	root := sharedDir(t)
	require.NoError(t, os.MkdirAll(root+"/above/folder", 0o755))
	require.NoError(t, os.Mkdir(root+"/links", 0o755))
	write(t, root+"/above/folder/file", "", 0o600)
	require.NoError(t, os.Symlink("../above/folder/file", root+"/links/link"))
	for _, folder := range []string{"above", "above/folder", "links"} {
		for mode, exposed := range map[os.FileMode]bool{
			0o755: false, 0o775: false, 0o777 | os.ModeSticky: false, 0o777: true, 0o703: true,
		} {
			t.Run(folder+" "+mode.String(), func(t *testing.T) {
				require.NoError(t, os.Chmod(filepath.Join(root, folder), mode))
				t.Cleanup(func() { _ = os.Chmod(filepath.Join(root, folder), 0o755) })
				file, err := Read(root+"/links/link", 1)
				require.NoError(t, err)
				var want []Reason
				if exposed {
					want = []Reason{ExposedFolder}
				}
				assert.Equal(t, want, reasonsOf(t, file.Exposures()))
			})
		}
	}
}

func TestForeignOwners(t *testing.T) {
	if os.Getuid() != 0 {
		return // only root can make such files
	}
	dir := sharedDir(t)
	name := filepath.Join(dir, "file")
	write(t, name, "", 0o600)
	assert.Empty(t, Foreign(name))
	require.NoError(t, os.Chown(name, 65534, -1))
	assert.Equal(t, []Reason{ForeignFile}, reasonsOf(t, Foreign(name)))
	require.NoError(t, os.Chown(dir, 65534, -1))
	assert.Equal(t, []Reason{ForeignFile, ForeignFolder}, reasonsOf(t, Foreign(name)))
	require.NoError(t, os.Chown(name, 0, -1))
	assert.Equal(t, []Reason{ForeignFolder}, reasonsOf(t, Foreign(name)))
	assert.Empty(t, Foreign(filepath.Join(dir, "none", "file")))
}

// TestReplaced reads a file that has no name any more through its descriptor, which looks like a
// file that was replaced beneath a bind mount.
func TestReplaced(t *testing.T) {
	name := filepath.Join(sharedDir(t), "file")
	write(t, name, "old", 0o600)
	held, err := os.Open(name)
	require.NoError(t, err)
	defer func() { _ = held.Close() }()
	path := fmt.Sprintf("/proc/self/fd/%d", held.Fd())
	file, err := Read(path, 9)
	require.NoError(t, err)
	assert.Nil(t, file.Replaced())

	require.NoError(t, os.Remove(name))
	write(t, name, "new", 0o600)
	file, err = Read(path, 9)
	require.NoError(t, err)
	assert.Equal(t, "old", string(file.Content))
	require.NotNil(t, file.Replaced())
	assert.Equal(t, Replaced, reasonOf(t, file.Replaced()))
	assert.Contains(t, file.Replaced().Remedy, "mount the folder")
	assert.Empty(t, file.Exposures(), "it is in no folder")
	file, err = Read(name, 9)
	require.NoError(t, err)
	assert.Nil(t, file.Replaced())
}

// TestExposedFolderWhereNamesAreNotCounted checks the folders of a file whose file system reports
// that no name is left for it, as some that are built on FUSE do for every file.
func TestExposedFolderWhereNamesAreNotCounted(t *testing.T) {
	dir := sharedDir(t)
	name := filepath.Join(dir, "file")
	write(t, name, "text", 0o600)
	held, err := os.Open(name)
	require.NoError(t, err)
	defer func() { _ = held.Close() }()
	require.NoError(t, os.Remove(name))
	info, err := held.Stat()
	require.NoError(t, err)
	require.True(t, unlinked(info))
	write(t, name, "text", 0o600)
	require.NoError(t, os.Chmod(dir, 0o777))
	file := File{Info: info, name: name, named: true}
	assert.Equal(t, []Reason{ExposedFolder}, reasonsOf(t, file.Exposures()))
	assert.Nil(t, file.Replaced())
}

func TestFaultsOfTheSystem(t *testing.T) {
	for reason, err := range map[Reason]error{
		Missing:   &os.PathError{Op: "open", Path: "/a/path", Err: syscall.ENOENT},
		Forbidden: &os.PathError{Op: "open", Path: "/a/path", Err: syscall.EACCES},
		Replaced:  &os.PathError{Op: "read", Path: "/a/path", Err: syscall.ESTALE},
		Unreadable: &os.LinkError{Op: "rename", Old: "/a/path", New: "/a/path",
			Err: syscall.EIO},
	} {
		fault := faultOf(err)
		assert.Equal(t, reason, reasonOf(t, fault))
		assert.NotContains(t, fault.Error(), "/a/path")
	}
	assert.ErrorIs(t, faultOf(syscall.EIO), syscall.EIO)
	assert.Equal(t, "could not be read within 5 s", TooSlowFault(5).Error())
	first, second := faultOf(syscall.ENOENT), faultOf(syscall.ENOENT)
	first.Remedy = "changed by a caller"
	assert.NotEqual(t, first, second, "each caller gets a fault of its own")
}

// TestReadsFileThatIsBeingReplaced replaces a file all the time while it is read. None of its
// versions must be mistaken for one that was replaced beneath a mount.
func TestReadsFileThatIsBeingReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	replace := func() error {
		return errors.Join(os.WriteFile(path+".new", []byte("content"), 0o600),
			os.Rename(path+".new", path))
	}
	require.NoError(t, replace())
	done := make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			read, err := Read(path, 100)
			if !assert.NoError(t, err) {
				return
			}
			if !assert.Nil(t, read.Replaced()) || !assert.Equal(t, "content", string(read.Content)) {
				return
			}
		}
	})
	for range 5000 {
		if !assert.NoError(t, replace()) {
			break
		}
	}
	close(done)
	reader.Wait()
}
