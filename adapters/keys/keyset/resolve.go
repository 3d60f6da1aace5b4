package keyset

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// maxLinks is the maximum number of symbolic links that the kernel follows on a path
// (path_resolution(7)).
const maxLinks = 40

// walk resolves path as the kernel does, element by element and through every symbolic link. It
// calls visit with each folder and the entry in it that comes next, before it examines that entry.
// It returns the path of the file itself, free of links, whether or not it exists in the last
// folder. It fails if the path ends earlier.
func walk(path string, visit func(folder, entry string)) (file string, err error) {
	if !filepath.IsAbs(path) {
		here, err := os.Getwd()
		if err != nil {
			return "", err
		}
		path = here + "/" + path // not cleaned: the meaning of ".." depends on links
	}
	folder, links := "/", 0
	steps := elements(path)
	for len(steps) > 0 {
		name := steps[0]
		steps = steps[1:]
		switch name {
		case ".":
			continue
		case "..":
			folder = filepath.Dir(folder)
			continue
		}
		entry := filepath.Join(folder, name)
		visit(folder, entry)
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
			folder = entry
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
			folder = "/"
		}
		steps = append(elements(to), steps...)
	}
	return folder, nil
}

// elements returns the elements of path. A trailing slash requires a folder, as "." does.
func elements(path string) []string {
	steps := strings.FieldsFunc(path, func(c rune) bool { return c == '/' })
	if strings.HasSuffix(path, "/") {
		steps = append(steps, ".")
	}
	return steps
}
