package proxies_test

import (
	"net/url"
	gopath "path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// What Traefik and Envoy let pass without a session is defined by the rules in their examples,
// which are read here and applied to every target.

// envoyPublicRule reads the example, which lists the public paths as exact paths and one regular
// expression. They apply to the path that the application receives.
func envoyPublicRule(t *testing.T) *regexp.Regexp {
	t.Helper()
	type route struct {
		Match struct {
			Path string `yaml:"path"`
			Safe struct {
				Regex string `yaml:"regex"`
			} `yaml:"safe_regex"`
			Prefix string `yaml:"prefix"`
		} `yaml:"match"`
		Without map[string]struct {
			Disabled bool `yaml:"disabled"`
		} `yaml:"typed_per_filter_config"`
	}
	var file struct {
		Static struct {
			Listeners []struct {
				Chains []struct {
					Filters []struct {
						Config struct {
							Normalize bool   `yaml:"normalize_path"`
							Merge     bool   `yaml:"merge_slashes"`
							Escaped   string `yaml:"path_with_escaped_slashes_action"`
							Routes    struct {
								Hosts []struct {
									Routes []route `yaml:"routes"`
								} `yaml:"virtual_hosts"`
							} `yaml:"route_config"`
						} `yaml:"typed_config"`
					} `yaml:"filters"`
				} `yaml:"filter_chains"`
			} `yaml:"listeners"`
		} `yaml:"static_resources"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(deployed(t, "envoy/envoy.yaml")), &file))
	config := file.Static.Listeners[0].Chains[0].Filters[0].Config
	require.True(t, config.Normalize && config.Merge)
	require.Equal(t, "REJECT_REQUEST", config.Escaped)
	require.Len(t, config.Routes.Hosts, 1)
	var rules []string
	for _, route := range config.Routes.Hosts[0].Routes {
		if !route.Without["envoy.filters.http.ext_authz"].Disabled {
			require.Equal(t, "/", route.Match.Prefix)
			continue
		}
		require.Empty(t, route.Match.Prefix, "a prefix does not restrict what follows it")
		if route.Match.Path == "" {
			rules = append(rules, route.Match.Safe.Regex)
		}
	}
	require.Len(t, rules, 1)
	return regexp.MustCompile("^(?:" + rules[0] + ")$") // Envoy matches all of the path, or nothing
}

// traefikPublicRule reads the rule of the example.
func traefikPublicRule(t *testing.T) *regexp.Regexp {
	t.Helper()
	var file struct {
		HTTP struct {
			Routers map[string]struct {
				Rule        string   `yaml:"rule"`
				Middlewares []string `yaml:"middlewares"`
			} `yaml:"routers"`
		} `yaml:"http"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(deployed(t, "traefik/dynamic.yml")), &file))
	routers := file.HTTP.Routers
	require.Len(t, routers, 3)
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

func TestEnvoyPassesOnlyPlainlyPublicPaths(t *testing.T) {
	t.Parallel()
	rule := envoyPublicRule(t)
	for _, target := range slices.Concat(targets, publicTargets) {
		path, _, _ := strings.Cut(target, "?")
		// As sent, and as normalized: Envoy matches the path that the application receives.
		for _, form := range []string{path, gopath.Clean(path), strings.ReplaceAll(path, `\`, "/"),
			decoded(path, ".", true), gopath.Clean(decoded(path, ".", true))} {
			assert.Equal(t, plainlyPublic.MatchString(form), rule.MatchString(form), "%s, as %s",
				target, form)
		}
	}
}
