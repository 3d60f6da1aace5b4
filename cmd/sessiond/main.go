// Command sessiond issues session tokens to app installations and tells which are valid.
package main

import (
	"os"

	"github.com/offload/sessiond/bootstrap"
)

func main() {
	os.Exit(bootstrap.Run(os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}
