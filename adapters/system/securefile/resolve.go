package securefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// maxLinks is the maximum number of symbolic links that the kernel follows on one path
// (path_resolution(7)).
const maxLinks = 40

// Resolve follows path as the kernel does, component by component and through every symbolic link.
// It calls visit with each directory and the next entry in it, before it reads that entry. It
// returns the path of the file itself, free of links, whether or not the file exists in the last
// directory. It fails if the path ends earlier.
func Resolve(path string, visit func(dir, entry string)) (file string, err error) {
	if !filepath.IsAbs(path) {
		here, err := os.Getwd()
		if err != nil {
			return "", err
		}
		path = here + "/" + path // not cleaned: the meaning of ".." depends on links
	}
	dir, links := "/", 0
	steps := splitPath(path)
	for len(steps) > 0 {
		name := steps[0]
		steps = steps[1:]
		switch name {
		case ".":
			continue
		case "..":
			dir = filepath.Dir(dir)
			continue
		}
		entry := filepath.Join(dir, name)
		visit(dir, entry)
		stat, err := os.Lstat(entry)
		switch {
		case errors.Is(err, fs.ErrNotExist) && len(steps) == 0:
			return entry, nil
		case err != nil:
			return "", err
		case stat.Mode().Type() != fs.ModeSymlink:
			if !stat.IsDir() && len(steps) > 0 {
				return "", syscall.ENOTDIR
			}
			dir = entry
			continue
		}
		if links++; links > maxLinks {
			return "", syscall.ELOOP
		}
		to, err := os.Readlink(entry)
		if err != nil {
			return "", err
		}
		if filepath.IsAbs(to) {
			dir = "/"
		}
		steps = append(splitPath(to), steps...)
	}
	return dir, nil
}

// splitPath returns the components of path. A trailing slash requires a directory, as "." does.
func splitPath(path string) []string {
	steps := strings.FieldsFunc(path, func(c rune) bool { return c == '/' })
	if strings.HasSuffix(path, "/") {
		steps = append(steps, ".")
	}
	return steps
}
