// Command man writes the manual pages of sessiond into a folder, from the same commands and flags
// as its help: make man.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra/doc"

	"github.com/offload/sessiond/bootstrap"
)

func main() {
	if len(os.Args) != 2 {
		fail("usage: man FOLDER")
	}
	if err := write(os.Args[1]); err != nil {
		fail(err.Error())
	}
}

// write writes one page for each command into folder.
func write(folder string) error {
	return doc.GenManTree(bootstrap.Documented(), &doc.GenManHeader{
		Section: "8", Source: "sessiond " + bootstrap.Version, Manual: "System Manager's Manual",
	}, folder)
}

func fail(problem string) {
	fmt.Fprintln(os.Stderr, "man: "+problem)
	os.Exit(1)
}
