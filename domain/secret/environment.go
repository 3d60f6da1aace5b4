package secret

import (
	"slices"
	"strings"

	"github.com/offload/sessiond/domain/strict"
)

// Environment is the environment that the service runs in. The zero value is one for development.
type Environment struct{ name string }

// The names of an environment that has none.
const (
	defaultEnvironment = "development"
	exposedEnvironment = "production"
)

// development lists the environments in which weak secrets are accepted. Every other name is
// production-like, so that a typing error fails closed.
var development = []string{"dev", defaultEnvironment, "local", "test", "testing"}

// ParseEnvironment returns the environment that text names. White space at both ends and the case
// of ASCII letters do not matter. Empty text is the zero value.
func ParseEnvironment(text string) Environment {
	return Environment{name: strings.Map(func(c rune) rune {
		if 'A' <= c && c <= 'Z' {
			return c - 'A' + 'a'
		}
		return c
	}, strings.TrimSpace(text))}
}

// Named reports whether the environment has a name.
func (e Environment) Named() bool { return e.name != "" }

// Exposed returns the environment of a service that others can reach: production if it has no name,
// otherwise e.
func (e Environment) Exposed() Environment {
	if e.Named() {
		return e
	}
	return Environment{name: exposedEnvironment}
}

// String returns the normalized name: in lower case, and development if it is empty.
func (e Environment) String() string {
	if e.name == "" {
		return defaultEnvironment
	}
	return e.name
}

// Meant returns the environment for development whose name e is probably a misspelling of: at most
// one letter in four differs. It returns "" if there is none.
func (e Environment) Meant() string {
	for _, name := range development {
		if d := strict.Distance(e.name, name); d > 0 && d <= len(name)/4 {
			return name
		}
	}
	return ""
}

// ProductionLike reports whether weak secrets, and files of secrets that others may read, are
// refused.
func (e Environment) ProductionLike() bool { return !slices.Contains(development, e.String()) }
