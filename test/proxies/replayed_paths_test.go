package proxies_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// What Traefik lets pass without a session is defined by the rule in its example, which is read
// here and applied to every target.

// traefikPublicRule reads the rule of the example.
func traefikPublicRule(t *testing.T) *regexp.Regexp {
	t.Helper()
	var file struct {
		HTTP struct {
			Routers map[string]struct {
				Rule        string   `yaml:"rule"`
				Priority    int      `yaml:"priority"`
				Middlewares []string `yaml:"middlewares"`
			} `yaml:"routers"`
		} `yaml:"http"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(deployed(t, "traefik/dynamic.yml")), &file))
	routers := file.HTTP.Routers
	require.Len(t, routers, 4)
	require.Equal(t, "Method(`OPTIONS`) && HeaderRegexp(`Origin`, `.`) && "+
		"HeaderRegexp(`Access-Control-Request-Method`, `.`) && !HeaderRegexp(`Content-Length`, `[1-9]`)",
		routers["preflight"].Rule)
	require.Greater(t, routers["preflight"].Priority, len(routers["protected"].Rule))
	require.Less(t, routers["preflight"].Priority, len(routers["public"].Rule))
	require.Less(t, routers["preflight"].Priority, len(routers["sessiond"].Rule))
	require.Regexp(t, "^Path\\(`[^`]+`\\)( \\|\\| Path\\(`[^`]+`\\))*$", routers["sessiond"].Rule)
	require.Contains(t, routers["protected"].Middlewares, "session")
	require.Greater(t, len(routers["public"].Rule), len(routers["protected"].Rule),
		"the longer rule has precedence")
	rule := regexp.MustCompile("^PathRegexp\\(`([^`]+)`\\)$").FindStringSubmatch(
		routers["public"].Rule)
	require.NotNil(t, rule, "a prefix does not restrict what follows it")
	return regexp.MustCompile(rule[1])
}

// escape matches a percent-encoded octet.
var escape = regexp.MustCompile("%[0-9A-Fa-f]{2}")

// decoded returns a path in which the encoded octets that are in chosen, or are not in it, are
// decoded. The other encodings are in upper case.
func decoded(path, chosen string, among bool) string {
	return escape.ReplaceAllStringFunc(path, func(octet string) string {
		text, err := url.PathUnescape(octet)
		if err == nil && strings.Contains(chosen, text) == among {
			return text
		}
		return strings.ToUpper(octet)
	})
}

// inTraefik returns the path that Traefik matches and the target that the application receives, as
// computed in server_entrypoint_tcp.go and mux.go: normalizePath, sanitizePath, and then, for the
// match only, withRoutingPath. Invalid URLs and fragments are rejected.
func inTraefik(target string) (matched, passed string, ok bool) {
	const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
	const reserved = ":/?#[]@!$&'()*+,;=%"
	asked, err := url.ParseRequestURI(target)
	if err != nil || strings.Contains(target, "#") {
		return "", "", false
	}
	if asked.RawPath != "" {
		asked.RawPath = decoded(asked.RawPath, unreserved, true)
	}
	asked = asked.JoinPath()
	return decoded(asked.EscapedPath(), reserved, false), asked.RequestURI(), true
}

func TestTraefikPassesOnlyPlainlyPublicPaths(t *testing.T) {
	t.Parallel()
	rule := traefikPublicRule(t)
	for _, target := range targets {
		// All encodings are tested. The entry point refuses most of them, but an operator may have
		// to allow some.
		matched, passed, ok := inTraefik(target)
		if ok && rule.MatchString(matched) {
			assert.Regexp(t, plainlyPublic, passed, "%s reaches the application without a session",
				target)
		}
		path, _, _ := strings.Cut(target, "?")
		assert.Equal(t, plainlyPublic.MatchString(path), rule.MatchString(path), target)
	}
	for _, target := range publicTargets {
		matched, passed, ok := inTraefik(target)
		assert.True(t, ok && rule.MatchString(matched), target)
		assert.Equal(t, target, passed)
	}
}

// TestTraefikRefusesAmbiguousEncodings shows that the example refuses encodings that applications
// may interpret in two ways. Traefik allows them by default.
func TestTraefikRefusesAmbiguousEncodings(t *testing.T) {
	t.Parallel()
	var file struct {
		EntryPoints map[string]struct {
			HTTP struct {
				Sanitize *bool           `yaml:"sanitizePath"`
				Encoded  map[string]bool `yaml:"encodedCharacters"`
			} `yaml:"http"`
		} `yaml:"entryPoints"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(deployed(t, "traefik/traefik.yml")), &file))
	require.Len(t, file.EntryPoints, 1)
	for _, entry := range file.EntryPoints {
		assert.Nil(t, entry.HTTP.Sanitize, "sanitizePath is on by default")
		assert.Equal(t, map[string]bool{
			"allowEncodedSlash": false, "allowEncodedBackSlash": false,
			"allowEncodedNullCharacter": false, "allowEncodedSemicolon": false,
			"allowEncodedPercent":      false,
			"allowEncodedQuestionMark": false, "allowEncodedHash": false,
		}, entry.HTTP.Encoded)
	}
}
