package secret

import (
	"slices"
	"strings"
)

// Environment is the environment that the service runs in. The zero value is one for development.
type Environment struct{ name string }

// defaultEnvironment is the name of an environment without a name.
const defaultEnvironment = "development"

// development lists the environments in which weak secrets are accepted. Every other name is
// production-like, so that a typing error fails closed.
var development = []string{"dev", defaultEnvironment, "local", "test", "testing"}

// ParseEnvironment returns the environment that text names. White space at both ends and the case
// of letters do not matter. Empty text is the zero value.
func ParseEnvironment(text string) Environment {
	return Environment{name: strings.ToLower(strings.TrimSpace(text))}
}

// String returns the normalized name: in lower case, and development if it is empty.
func (e Environment) String() string {
	if e.name == "" {
		return defaultEnvironment
	}
	return e.name
}

// ProductionLike reports whether weak secrets, and files of secrets that others may read, are
// refused.
func (e Environment) ProductionLike() bool { return !slices.Contains(development, e.String()) }
