package config

import (
	"regexp"
	"sync"
)

// pattern returns a function that returns a regular expression, compiled when it is first needed.
// Most configurations need none, and all together take a third of a millisecond of a start.
func pattern(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}
