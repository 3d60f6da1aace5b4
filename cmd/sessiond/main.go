// Command sessiond issues and verifies session tokens for app installations.
package main

import (
	"os"

	"github.com/offload/sessiond/bootstrap"
)

func main() {
	os.Exit(bootstrap.Run(os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}
