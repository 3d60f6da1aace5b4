package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestYAMLValues(t *testing.T) {
	tempDir(t)
	review := load(t, inYAML(`---
# values stay as written, whatever their type in YAML
build_version: 1.10
session_token_issuer: 2026-01-01
session_token_audience: off
session_token_active_kid: 007
environment: ~
session_ttl_seconds: "60"
session_secret: >-
  `+strongA+`
log_level: !!str debug
proxy_protocol: false
http_addr: &anchor "[::1]:81"
ops_addr:
...
`))
	assertFindings(t, nil, review.Faults)
	assertFindings(t, nil, review.Warnings)
	assert.Equal(t, "1.10", review.Config.BuildVersion)
	assert.Equal(t, "2026-01-01", review.Config.Session.Issuer)
	assert.Equal(t, "off", review.Config.Session.Audience)
	assert.Equal(t, "development", review.Config.Environment)
	assert.Equal(t, time.Minute, review.Config.Session.Lifetime)
	assert.Equal(t, "[::1]:81", review.Config.HTTPAddr)
	assert.Empty(t, review.Config.OpsAddr)
	assert.Equal(t, "007", string(review.Keyring.Keys()[0].ID()))
	assert.Equal(t, []byte(strongA), review.Keyring.Keys()[0].Secret())

	t.Run("a secret of digits is not rounded", func(t *testing.T) {
		digits := "31415926535897932384626433832795028841971"
		review := load(t, inYAML("session_secret: "+digits+"\nlimiter_digest_key: 0x"+digits))
		assertFindings(t, nil, review.Faults)
		assert.Equal(t, []byte(digits), review.Keyring.Keys()[0].Secret())
		assert.Equal(t, []byte("0x"+digits), review.Config.DigestKey.Bytes())
	})
	for _, empty := range []string{"", "\n", "# nothing\n", "---\n...\n", "{}", "~", "null\n"} {
		t.Run("empty: "+empty, func(t *testing.T) {
			write(t, "empty.yaml", empty, 0o600)
			review := load(t, env("OFFLOAD_CONFIG_FILE=empty.yaml"))
			assertFindings(t, nil, review.Faults)
			warnings := []finding{unsetSecret}
			if strings.TrimSpace(empty) == "" {
				warnings = append([]finding{{"OFFLOAD_CONFIG_FILE", "environment",
					"names the file empty.yaml, which is empty"}}, warnings...)
			}
			assertFindings(t, warnings, review.Warnings)
		})
	}
}

func TestYAMLFaults(t *testing.T) {
	file := func(problem string) []finding {
		return []finding{{"OFFLOAD_CONFIG_FILE", "file session.yaml",
			problem}}
	}
	single := func(variable string) []finding {
		return []finding{{variable, "file session.yaml", "is a list or a mapping, and must be "}}
	}
	unset := []finding{unsetSecret}
	servedFromFile := []finding{{"OFFLOAD_ENVIRONMENT", "file session.yaml", served.problem},
		unsetSecret}
	runCases(t, []testCase{
		{"duplicate key", inYAML("log_level: info\nlog_level: info"),
			file("line 2: it has a duplicate key"), unset},
		{"other faults are reported too",
			inYAML("environment: prod\nlog_level: info\nlog_level: info\nsession_ttl_seconds: x"),
			[]finding{
				{"OFFLOAD_CONFIG_FILE", "file session.yaml",
					"line 3: it has a duplicate key"},
				{varSecret, "default", "is not set"},
				{"OFFLOAD_SESSION_TTL_SECONDS", "file session.yaml", "is not a whole number"},
			}, nil},
		{"duplicate key in a nested mapping",
			inYAML("session_signing_keys:\n  a: " + strongA + "\n  a: " +
				strongB), file("line 3: it has a duplicate key"), nil},
		{"every duplicate key", inYAML("a: 1\na: 1\na: 1"),
			append(file("line 2: it has a duplicate key"),
				file("line 3: it has a duplicate key")...),
			append(unset, finding{"a", "file session.yaml", "is unknown"})},
		{"an alias", inYAML("log_level: &a info\nlog_format: *a"), file("line 2: it has an alias"),
			unset},
		{"an alias without an anchor",
			inYAML("session_secret: *" + strings.ReplaceAll(strongA, "-", "")),
			file("line 1: it is not YAML"), unset},
		{"merge key", inYAML("a: &a {log_level: debug}\n<<: *a"), file("line 2: it has an alias"),
			append(unset, finding{"<<", "file session.yaml", "is unknown"},
				finding{"a", "file session.yaml", "is unknown"})},
		{"custom type", inYAML("session_secret: !secret " + strongA),
			file("line 1: it has a value of an unsupported type"), nil},
		{"binary", inYAML("session_secret: !!binary " + strongC),
			file("line 1: it has a value of an unsupported type"), nil},
		{"a key that is not text", inYAML("? [" + strongA + "]\n: x"),
			file("line 1: it has a key that is not text"), unset},
		{"a list", inYAML("- log_level: info"), file("line 1: it is not a mapping"), unset},
		{"a string", inYAML(strongA), file("line 1: it is not a mapping"), unset},
		{"two documents", inYAML("log_level: info\n---\nlog_level: info"),
			file("it has a second document"), unset},
		{"text after the document", inYAML("log_level: info\n...\n]" + strongA),
			file("it is not YAML"), unset},
		{"not YAML", inYAML("session_secret: " + strongA + "\n  log_level: info"),
			file("line 2: it is not YAML"), unset},
		{"an unknown escape", inYAML("session_secret: \"" + strongA + `\q"`),
			file("it is not YAML"), unset},
		{"unterminated quote", inYAML("session_secret: '" + strongA), file("it is not YAML"),
			unset},
		{"tabs", inYAML("log_level: info\n \tsession_secret: " + strongA),
			file("line 2: it is not YAML: a tab at the beginning of the line"), unset},
		{"bad UTF-8", inYAML("log_level: info\nsession_secret: " + strongA + "\xff"),
			file("line 2: it is not YAML: the line is not valid UTF-8"), unset},
		{"NUL", inYAML("log_level: info\nsession_secret: " + strongA + "\x00"),
			file("line 2: it is not YAML: the line has a control character"), unset},
		{"a second colon", inYAML("session_secret: " + strongA + ": " + strongA),
			file("line 1: it is not YAML"), unset},
		{"a mark", inYAML("log_level: info\nsession_secret: @" + strongA),
			file("line 2: it is not YAML"), unset},
		{"UTF-16", inYAML("\xff\xfes\x00e\x00"), file(""), unset},
		{"a mapping for a number", inYAML("session_ttl_seconds: {a: 1}"),
			single("OFFLOAD_SESSION_TTL_SECONDS"), unset},
		{"a list for a number", inYAML("session_ttl_seconds: [1]"),
			single("OFFLOAD_SESSION_TTL_SECONDS"), unset},
		{"a mapping for a list", inYAML("trusted_proxies: {a: 10.0.0.1}"),
			[]finding{{"OFFLOAD_TRUSTED_PROXIES", "file session.yaml",
				"is a mapping or a list of lists, and must be a list of values"}}, unset},
		{"a list of lists", inYAML("trusted_proxies: [[10.0.0.1]]"),
			[]finding{{"OFFLOAD_TRUSTED_PROXIES", "file session.yaml",
				"is a mapping or a list of lists, and must be a list of values"}}, unset},
		{"a list for a file", inYAML("log_level_file: [x]"),
			[]finding{{"OFFLOAD_LOG_LEVEL", "file session.yaml, by log_level_file",
				"is a list or a mapping, and must be a single value"}}, unset},
		{"a list for a secret", inYAML("session_secret: [" + strongA + "]"),
			single("OFFLOAD_SESSION_SECRET"), nil},
		{"a list of keys", inYAML("session_signing_keys: [" + strongA + "]"),
			single("OFFLOAD_SESSION_SIGNING_KEYS"), nil},
		{"a blank entry", inYAML("environment: dev\ntrusted_proxies: [10.0.0.1, ]\n"), nil,
			servedFromFile},
		{"a null entry", inYAML("trusted_proxies: [10.0.0.1, ~]\n"),
			[]finding{{"OFFLOAD_TRUSTED_PROXIES", "file session.yaml", "entry 2"}}, unset},
		{"hexadecimal", inYAML("session_ttl_seconds: 0x10"),
			[]finding{{"OFFLOAD_SESSION_TTL_SECONDS", "file session.yaml",
				"is not a whole number"}},
			unset},
		{"a fraction", inYAML("session_ttl_seconds: 60.5"),
			[]finding{{"OFFLOAD_SESSION_TTL_SECONDS", "file session.yaml",
				"is not a whole number"}},
			unset},
	})
}

// TestYAMLBombs checks that files which nest, repeat or multiply are read in time proportional to
// their length. If aliases were expanded, the test would run out of time and memory.
func TestYAMLBombs(t *testing.T) {
	fill := func(piece string) string { return strings.Repeat(piece, (1<<20-100)/len(piece)) }
	laughs := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for i := range 20 {
		name, before := string(rune('b'+i)), string(rune('a'+i))
		laughs += name + ": &" + name + " [" + strings.Repeat("*"+before+",", 9) + "]\n"
	}
	for name, text := range map[string]string{
		"laughs": laughs, "aliases": "a: &a x\nb: [" + fill("*a,") + "]", "open lists": fill("["),
		"open mappings": fill("{"), "lists": "a: [" + fill("[],") + "]",
		"keys": fill("? "), "sequences": fill("- "), "anchors": fill("&a "),
		"comments": fill("a: #x\n#y\n"), "documents": fill("---\n"),
		"the same key": fill("a: b\n"), "empty keys": fill("?\n"),
		"one long key": fill("k") + ": x", "one long value": "session_secret: " + fill("k"),
		"mapping": "a: {" + fill("a,") + "}",
	} {
		t.Run(name, func(t *testing.T) {
			tempDir(t)
			review := load(t, inYAML(text))
			assert.LessOrEqual(t, len(review.Faults), 20)
			assert.LessOrEqual(t, len(review.Warnings), 25)
		})
	}
	t.Run("more than 1 MiB", func(t *testing.T) {
		tempDir(t)
		assertFindings(t, []finding{{"OFFLOAD_CONFIG_FILE", "environment",
			"names the file session.yaml, which is larger than 1048576 bytes"}},
			load(t, inYAML("#"+strings.Repeat("x", 1<<20))).Faults)
	})
}
