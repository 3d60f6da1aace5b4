package securefile

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestResolve(t *testing.T) {
	root := sharedDir(t)
	for _, dir := range []string{"a/b", "c/d"} {
		require.NoError(t, os.MkdirAll(filepath.Join(root, dir), 0o700))
	}
	write(t, root+"/a/b/file", "", 0o600)
	for name, to := range map[string]string{
		"c/up": "../a", "c/d/absolute": root + "/a/b", "link": "c/up/b/file", "dangling": "c/new",
		"lost": "no/where", "round": "round",
	} {
		require.NoError(t, os.Symlink(to, filepath.Join(root, name)))
	}
	for _, c := range []struct {
		path, file string
		err        error
		entries    []string
	}{
		{"a/b/file", "a/b/file", nil, []string{"a", "a/b", "a/b/file"}},
		{"a//./b/file", "a/b/file", nil, []string{"a", "a/b", "a/b/file"}},
		{"c/up/b/file", "a/b/file", nil, []string{"c", "c/up", "a", "a/b", "a/b/file"}},
		{"c/d/absolute/file", "a/b/file", nil,
			[]string{"c", "c/d", "c/d/absolute", "a", "a/b", "a/b/file"}},
		{"c/d/absolute/../b/file", "a/b/file", nil,
			[]string{"c", "c/d", "c/d/absolute", "a", "a/b", "a/b/file"}},
		{"link", "a/b/file", nil, []string{"link", "c", "c/up", "a", "a/b", "a/b/file"}},
		{"a/new", "a/new", nil, []string{"a", "a/new"}},
		{"dangling", "c/new", nil, []string{"dangling", "c", "c/new"}},
		{"lost", "", fs.ErrNotExist, []string{"lost", "no"}},
		{"a/b/file/below", "", syscall.ENOTDIR, []string{"a", "a/b", "a/b/file"}},
		{"a/b/file/", "", syscall.ENOTDIR, []string{"a", "a/b", "a/b/file"}},
		{"a/b/file/..", "", syscall.ENOTDIR, []string{"a", "a/b", "a/b/file"}},
		{"a/b/new/", "", fs.ErrNotExist, []string{"a", "a/b", "a/b/new"}},
		{"round", "", syscall.ELOOP, []string{"round"}},
	} {
		t.Run(c.path, func(t *testing.T) {
			var entries []string
			seen := map[string]bool{}
			file, err := Resolve(root+"/"+c.path, func(dir, entry string) {
				assert.Equal(t, dir, filepath.Dir(entry))
				if short, below := strings.CutPrefix(entry, root+"/"); below && !seen[short] {
					seen[short] = true
					entries = append(entries, short)
				}
			})
			assert.ErrorIs(t, err, c.err)
			assert.Equal(t, c.entries, entries)
			if c.err == nil {
				assert.Equal(t, filepath.Join(root, c.file), file)
			}
		})
	}
}

func TestResolveFollowsAsManyLinksAsKernel(t *testing.T) {
	root := sharedDir(t)
	write(t, filepath.Join(root, "0"), "", 0o600)
	for i := range maxLinks + 1 {
		require.NoError(t, os.Symlink(fmt.Sprint(i), filepath.Join(root, fmt.Sprint(i+1))))
	}
	for links, want := range map[int]error{maxLinks: nil, maxLinks + 1: syscall.ELOOP} {
		path := filepath.Join(root, fmt.Sprint(links))
		_, err := os.Stat(path)
		require.ErrorIs(t, err, want)
		_, err = Resolve(path, func(string, string) {})
		assert.ErrorIs(t, err, want)
	}
}

func TestResolveRelativePath(t *testing.T) {
	root := sharedDir(t)
	require.NoError(t, os.Mkdir(filepath.Join(root, "here"), 0o700))
	t.Chdir(filepath.Join(root, "here"))
	file, err := Resolve("../file", func(string, string) {})
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(root, "file"), file)
}

// TestResolveAgreesWithKernel resolves random paths in random trees of links, and compares the
// results with the kernel's.
func TestResolveAgreesWithKernel(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 5))
	words := []string{"a", "b", "c", "..", ".", "x"}
	path := func() string {
		steps := make([]string, 1+random.IntN(4))
		for i := range steps {
			steps[i] = words[random.IntN(len(words))]
		}
		return strings.Join(steps, "/")
	}
	found, lost := 0, 0
	for tree := range 40 {
		// Deep enough that no ".." leaves it.
		root := filepath.Join(sharedDir(t), fmt.Sprint(tree), "a", "b", "c")
		require.NoError(t, os.MkdirAll(root, 0o700))
		dirs := []string{root}
		for range 12 {
			in := dirs[random.IntN(len(dirs))]
			name := filepath.Join(in, words[random.IntN(3)])
			switch random.IntN(3) {
			case 0:
				if os.Mkdir(name, 0o700) == nil {
					dirs = append(dirs, name)
				}
			case 1:
				to := path()
				if random.IntN(4) == 0 {
					to = root + "/" + to
				}
				_ = os.Symlink(to, name)
			default:
				if _, err := os.Lstat(name); err != nil {
					write(t, name, "", 0o600)
				}
			}
		}
		for range 60 {
			name := root + "/" + path()
			file, err := Resolve(name, func(dir, _ string) {
				straight, err := filepath.EvalSymlinks(dir)
				if assert.NoError(t, err) {
					assert.Equal(t, straight, dir, "a directory is reported without links")
				}
			})
			want, statErr := os.Stat(name)
			if statErr != nil {
				lost++
				_, there := os.Lstat(file)
				assert.True(t, err != nil || there != nil,
					"%s resolves to %s, but the kernel finds nothing", name, file)
				continue
			}
			found++
			require.NoError(t, err, name)
			got, err := os.Lstat(file)
			require.NoError(t, err, name)
			assert.True(t, os.SameFile(want, got), name)
		}
	}
	assert.Greater(t, found, 100)
	assert.Greater(t, lost, 100)
}
