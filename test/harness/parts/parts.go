// Package parts finds the programs that test/parts.sh provides. Only tests and the tools in test
// import it; it imports the standard library.
package parts

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// Find returns the path of a program of the machine, or that of the one which test/parts.sh
// unpacked for a part because it may not install packages; and the variables that the program
// needs in its environment.
func Find(part, program string) (path string, env []string, err error) {
	for _, name := range []string{program, "/usr/sbin/" + program, "/sbin/" + program} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil, nil
		}
	}
	return FindPinned(part, program)
}

// FindPinned is like Find, without the programs of the machine: test/parts.sh pins the version.
func FindPinned(part, program string) (path string, env []string, err error) {
	_, here, _, _ := runtime.Caller(0)
	folder := filepath.Join(filepath.Dir(here), "..", "..", "..", ".parts", part)
	for _, place := range []string{"usr/bin", "usr/sbin"} {
		if path, err := exec.LookPath(filepath.Join(folder, place, program)); err == nil {
			return path, []string{"LD_LIBRARY_PATH=" + libraries(folder)}, nil
		}
	}
	return "", nil, fmt.Errorf("%s not found: run make parts", program)
}

// libraries returns the folders of the libraries of a part, as a search path.
func libraries(folder string) string {
	var found []string
	for _, place := range []string{"usr/lib/*-linux-gnu*", "lib/*-linux-gnu*",
		"usr/lib/*-linux-gnu*/systemd"} {
		matches, err := filepath.Glob(filepath.Join(folder, place))
		if err != nil {
			panic("parts: " + err.Error()) // the pattern is fixed
		}
		found = append(found, matches...)
	}
	return strings.Join(found, ":")
}
