package config

import (
	"errors"
	"strings"

	"github.com/offload/sessiond/adapters/system/securefile"
	"github.com/offload/sessiond/domain/strict"
)

// The maximum sizes of files, in bytes.
const (
	maxFile     = 1 << 20
	maxDenylist = 16 << 20
)

// readFile reads a regular file of at most limit bytes. The fault is nil if it could be read.
func readFile(name string, limit int64) (*securefile.File, *securefile.Fault) {
	read, err := securefile.Read(name, limit)
	fault, _ := errors.AsType[*securefile.Fault](err)
	return read, fault
}

// warnForeign warns, in a production-like environment, of other owners of a file with a secret or
// of the folders above it, who could replace the file. The problem begins with words, which say how
// the variable uses the file.
func (r *reviewer) warnForeign(variable, words, name string) {
	if !r.production {
		return
	}
	for _, fault := range securefile.Foreign(name) {
		r.warnOf(variable, words+fault.Error(), fault.Remedy)
	}
}

// withoutBOM returns the text of a file without a byte order mark, which some editors write.
func withoutBOM(content []byte) string {
	return strings.TrimPrefix(string(content), strict.ByteOrderMark)
}
