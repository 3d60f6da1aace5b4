package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestYAMLValues(t *testing.T) {
	folder(t)
	review := load(t, inYAML(`---
# what is written counts, not what YAML makes of it
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
http_addr: &anchor ":81"
ops_addr:
...
`))
	expect(t, nil, review.Faults)
	expect(t, nil, review.Warnings)
	assert.Equal(t, "1.10", review.Config.BuildVersion)
	assert.Equal(t, "2026-01-01", review.Config.Session.Issuer)
	assert.Equal(t, "off", review.Config.Session.Audience)
	assert.Equal(t, "development", review.Config.Environment)
	assert.Equal(t, time.Minute, review.Config.Session.Lifetime)
	assert.Equal(t, ":81", review.Config.HTTPAddr)
	assert.Empty(t, review.Config.OpsAddr)
	assert.Equal(t, "007", string(review.Keyring.Keys()[0].ID()))
	assert.Equal(t, []byte(strongA), review.Keyring.Keys()[0].Secret())

	t.Run("a secret of digits is not rounded", func(t *testing.T) {
		digits := "31415926535897932384626433832795028841971"
		review := load(t, inYAML("session_secret: "+digits+"\nlimiter_digest_key: 0x"+digits))
		expect(t, nil, review.Faults)
		assert.Equal(t, []byte(digits), review.Keyring.Keys()[0].Secret())
		assert.Equal(t, []byte("0x"+digits), review.Config.DigestKey.Bytes())
	})
	for _, nothing := range []string{"", "\n", "# nothing\n", "---\n...\n", "{}", "~", "null\n"} {
		t.Run("nothing: "+nothing, func(t *testing.T) {
			write(t, "empty.yaml", nothing, 0o600)
			review := load(t, env("OFFLOAD_CONFIG_FILE=empty.yaml"))
			expect(t, nil, review.Faults)
			expect(t, []told{unsetSecret}, review.Warnings)
		})
	}
}

func TestYAMLFaults(t *testing.T) {
	file := func(problem string) []told {
		return []told{{"OFFLOAD_CONFIG_FILE", "file session.yaml",
			problem}}
	}
	single := func(variable string) []told {
		return []told{{variable, "file session.yaml", "is not a single value there"}}
	}
	own := []told{unsetSecret}
	judge(t, []judged{
		{"a key twice", inYAML("log_level: info\nlog_level: info"),
			file("line 2: it has a key that stands twice"), own},
		{"all else is told besides",
			inYAML("environment: prod\nlog_level: info\nlog_level: info\nsession_ttl_seconds: x"),
			[]told{
				{"OFFLOAD_CONFIG_FILE", "file session.yaml",
					"line 3: it has a key that stands twice"},
				{varSecret, "default", "is not set"},
				{"OFFLOAD_SESSION_TTL_SECONDS", "file session.yaml", "is not a whole number"},
			}, nil},
		{"a key twice below", inYAML("session_signing_keys:\n  a: " + strongA + "\n  a: " +
			strongB), file("line 3: it has a key that stands twice"), nil},
		{"every key that stands twice", inYAML("a: 1\na: 1\na: 1"),
			append(file("line 2: it has a key that stands twice"),
				file("line 3: it has a key that stands twice")...),
			append(own, told{"a", "file session.yaml", "is unknown"})},
		{"an alias", inYAML("log_level: &a info\nlog_format: *a"), file("line 2: it has an alias"),
			own},
		{"an alias of nothing", inYAML("session_secret: *" + strings.ReplaceAll(strongA, "-", "")),
			file("it is not YAML"), own},
		{"merging", inYAML("a: &a {log_level: debug}\n<<: *a"), file("line 2: it has an alias"),
			append(own, told{"<<", "file session.yaml", "is unknown"},
				told{"a", "file session.yaml", "is unknown"})},
		{"a type of its own", inYAML("session_secret: !secret " + strongA),
			file("line 1: it has a value of a type"), nil},
		{"binary", inYAML("session_secret: !!binary " + strongC),
			file("line 1: it has a value of a type"), nil},
		{"a key that is no text", inYAML("? [" + strongA + "]\n: x"),
			file("line 1: it has a key that is not text"), own},
		{"a list", inYAML("- log_level: info"), file("line 1: it is not a mapping"), own},
		{"a text", inYAML(strongA), file("line 1: it is not a mapping"), own},
		{"two documents", inYAML("log_level: info\n---\nlog_level: info"),
			file("it has a second document"), own},
		{"something after the document", inYAML("log_level: info\n...\n]" + strongA),
			file("it is not YAML"), own},
		{"no YAML", inYAML("session_secret: " + strongA + "\n  log_level: info"),
			file("line 2: it is not YAML"), own},
		{"an unknown escape", inYAML("session_secret: \"" + strongA + `\q"`),
			file("it is not YAML"), own},
		{"a quote that does not end", inYAML("session_secret: '" + strongA), file("it is not YAML"),
			own},
		{"tabs", inYAML("\tsession_secret: " + strongA), file("it is not YAML"), own},
		{"bad UTF-8", inYAML("session_secret: " + strongA + "\xff"), file("it is not YAML"), own},
		{"NUL", inYAML("session_secret: " + strongA + "\x00"), file("it is not YAML"), own},
		{"UTF-16", inYAML("\xff\xfes\x00e\x00"), file(""), own},
		{"a mapping for a number", inYAML("session_ttl_seconds: {a: 1}"),
			single("OFFLOAD_SESSION_TTL_SECONDS"), own},
		{"a list for a number", inYAML("session_ttl_seconds: [1]"),
			single("OFFLOAD_SESSION_TTL_SECONDS"), own},
		{"a mapping for a list", inYAML("trusted_proxies: {a: 10.0.0.1}"),
			single("OFFLOAD_TRUSTED_PROXIES"), own},
		{"a list of lists", inYAML("trusted_proxies: [[10.0.0.1]]"),
			single("OFFLOAD_TRUSTED_PROXIES"), own},
		{"a list for a file", inYAML("log_level_file: [x]"),
			[]told{{"OFFLOAD_LOG_LEVEL", "file session.yaml, by log_level_file",
				"is not a single value there"}}, own},
		{"a list for a secret", inYAML("session_secret: [" + strongA + "]"),
			single("OFFLOAD_SESSION_SECRET"), nil},
		{"a list of keys", inYAML("session_signing_keys: [" + strongA + "]"),
			single("OFFLOAD_SESSION_SIGNING_KEYS"), nil},
		{"a blank entry", inYAML("trusted_proxies: [10.0.0.1, ]\n"), nil, own},
		{"a null entry", inYAML("trusted_proxies: [10.0.0.1, ~]\n"),
			[]told{{"OFFLOAD_TRUSTED_PROXIES", "file session.yaml", "entry 2"}}, own},
		{"hexadecimal", inYAML("session_ttl_seconds: 0x10"),
			[]told{{"OFFLOAD_SESSION_TTL_SECONDS", "file session.yaml", "is not a whole number"}},
			own},
		{"a fraction", inYAML("session_ttl_seconds: 60.0"),
			[]told{{"OFFLOAD_SESSION_TTL_SECONDS", "file session.yaml", "is not a whole number"}},
			own},
	})
}

// What multiplies, nests or repeats is refused or read in the time of its length.
// TestYAMLBombs ends at all: what grows with each alias would take longer than any suite, and more memory than there is.
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
			folder(t)
			review := load(t, inYAML(text))
			assert.LessOrEqual(t, len(review.Faults), 20)
			assert.LessOrEqual(t, len(review.Warnings), 25)
		})
	}
	t.Run("more than a mebibyte", func(t *testing.T) {
		folder(t)
		expect(t, []told{{"OFFLOAD_CONFIG_FILE", "environment",
			"names the file session.yaml, which is larger than 1048576 bytes"}},
			load(t, inYAML("#"+strings.Repeat("x", 1<<20))).Faults)
	})
}
