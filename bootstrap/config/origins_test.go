package config_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestOrigins(t *testing.T) {
	const variable = "OFFLOAD_CORS_ALLOWED_ORIGINS"
	for _, origin := range []string{
		"https://app.example.com", "https://x", "https://xn--bcher-kva.example",
		"https://app.example.com:8443", "https://192.0.2.7", "https://[2001:db8::1]:8443",
		"http://localhost", "http://localhost:3000", "http://app.localhost",
		"http://127.0.0.1:3000", "http://[::1]:3000", "capacitor://localhost", "https://a:65535",
		"http://localhost:443",
	} {
		t.Run(origin, func(t *testing.T) {
			review := load(t, production(variable+"="+origin))
			assertFindings(t, nil, review.Faults)
			assertFindings(t, nil, review.Warnings)
			assert.Equal(t, []string{origin}, review.Config.Origins)
		})
	}
	for origin, problem := range map[string]string{
		"*": "entry 1 has a star", "https://*.example.com": "entry 1 has a star",
		"null": "entry 1 is null", "Null": "entry 1 is not an origin",
		"https://App.example.com":      "entry 1 has capital letters",
		"HTTPS://app.example.com":      "entry 1 has capital letters",
		"https://app.example.com/":     "entry 1 ends in a slash",
		"https://app.example.com/path": "entry 1 is not an origin",
		"https://app.example.com?x":    "entry 1 is not an origin",
		"https://app.example.com#x":    "entry 1 is not an origin",
		"https://user@app.example.com": "entry 1 is not an origin",
		"app.example.com":              "entry 1 is not an origin",
		"app.example.com:443":          "entry 1 is not an origin",
		"https://":                     "entry 1 is not an origin",
		"//app.example.com":            "entry 1 is not an origin", " ": "entry 1 is empty",
		"https://b\u00fccher.example":   "entry 1 is not an origin",
		"https://app.example.com:":      "entry 1 is not an origin",
		"https://app.example.com:0":     "entry 1 is not an origin",
		"https://app.example.com:08443": "entry 1 is not an origin",
		"https://app.example.com:65536": "entry 1 has an invalid port",
		"https://app.example.com:443":   "entry 1 has the default port of the scheme",
		"http://localhost:80":           "entry 1 has the default port of the scheme",
		"https://[2001:DB8::1]":         "entry 1 has capital letters",
		"https://[2001:db8:0::1]":       "entry 1 is not an origin: its address",
		"https://[1.2.3.4]":             "entry 1 is not an origin: its address",
		"https://a b":                   "entry 1 is not an origin",
		"wss://app.example.com":         "entry 1 has a scheme that no page has",
		"ftp://app.example.com":         "entry 1 has a scheme that no page has",
	} {
		t.Run(origin, func(t *testing.T) {
			assertFindings(t, []finding{{variable, "environment", problem}},
				load(t, production(variable+"="+origin)).Faults)
		})
	}
	runCases(t, []testCase{
		{"none", production(variable + "="), nil, nil},
		{"many", production(variable + "=https://a, null ,*,https://b/"), []finding{
			{variable, "environment", "entry 2 is null"},
			{variable, "environment", "entry 3 has a star"},
			{variable, "environment", "entry 4 ends in a slash"},
		}, nil},
		{"in YAML", inYAML("cors_allowed_origins:\n- https://a\n- '*'\n"),
			[]finding{{variable, "file session.yaml", "entry 2 has a star"}},
			[]finding{unsetSecret}},
		{"not https", production(variable + "=https://a,http://app.example.com"), nil,
			[]finding{{variable, "environment", "entry 2 is not https"}}},
		{"not https, in development", env(variable + "=http://app.example.com"), nil,
			[]finding{unsetSecret}},
	})
}

func TestPublicOrigins(t *testing.T) {
	const variable = "OFFLOAD_PUBLIC_ORIGINS"
	for _, list := range [][]string{
		{"https://sessions.example.com"}, {"https://sessions.example.com", "https://app.example.com:8443"},
		{"http://localhost:8080"}, {"https://192.0.2.7"}, {"https://[2001:db8::1]:8443"},
	} {
		review := load(t, production(variable+"="+strings.Join(list, ",")))
		assertFindings(t, nil, review.Faults)
		assertFindings(t, nil, review.Warnings)
		var origins []string
		for _, origin := range review.Config.PublicOrigins {
			origins = append(origins, origin.String())
		}
		assert.Equal(t, list, origins)
		assert.Empty(t, review.Config.Origins)
	}
	for entry, problem := range map[string]string{
		"*":                                  "entry 1 has a star: what a client signs",
		"https://*.example.com":              "entry 1 has a star: what a client signs",
		"null":                               "entry 1 is not an origin",
		"capacitor://localhost":              "entry 1 has another scheme",
		"wss://sessions.example.com":         "entry 1 has another scheme",
		"https://Sessions.example.com":       "entry 1 has capital letters",
		"https://sessions.example.com/":      "entry 1 ends in a slash",
		"https://sessions.example.com/v1":    "entry 1 is not an origin",
		"sessions.example.com":               "entry 1 is not an origin",
		"https://sessions.example.com:443":   "entry 1 has the default port",
		"https://sessions.example.com:https": "entry 1 is not an origin",
		"https://me@sessions.example.com":    "entry 1 is not an origin",
	} {
		assertFindings(t, []finding{{variable, "environment", problem}},
			load(t, production(variable+"="+entry)).Faults)
	}
	runCases(t, []testCase{
		{"none", production(variable + "="), nil, nil},
		{"a comma too many", production(variable + "=https://a,"),
			[]finding{{variable, "environment", "entry 2 is empty"}}, nil},
		{"not https", production(variable + "=https://a,http://b"), nil, []finding{{variable,
			"environment", "entry 2 is not https: an attacker on the network path can read"}}},
		{"not https, in development", env(variable+"=http://b", "OFFLOAD_ENVIRONMENT=development"),
			nil, []finding{{"OFFLOAD_ENVIRONMENT", "environment",
				"is development, and OFFLOAD_PUBLIC_ORIGINS is set"}, unsetSecret}},
	})
}
