package keyset

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// maxLinks is the most symbolic links that the kernel follows on one way (path_resolution(7)).
const maxLinks = 40

// walk goes to what path names as the kernel does, step by step and through every symbolic link. It calls visit with each folder and the
// entry in it that is next, before it looks at that entry. It returns the path of the file itself, free of links, whether or not there is one
// in the last folder. It fails where the way ends earlier.
func walk(path string, visit func(folder, entry string)) (file string, err error) {
	if !filepath.IsAbs(path) {
		here, err := os.Getwd()
		if err != nil {
			return "", err
		}
		path = here + "/" + path // not cleaned: what ".." means depends on links
	}
	folder, links := "/", 0
	steps := stepsOf(path)
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
		steps = append(stepsOf(to), steps...)
	}
	return folder, nil
}

// stepsOf are the names in path. A slash at its end asks for a folder, as "." does.
func stepsOf(path string) []string {
	steps := strings.FieldsFunc(path, func(c rune) bool { return c == '/' })
	if strings.HasSuffix(path, "/") {
		steps = append(steps, ".")
	}
	return steps
}
