package config_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/bootstrap/config"
	"github.com/offload/sessiond/test/pki"
)

func TestValuesInFiles(t *testing.T) {
	for name, c := range map[string]struct{ content, want string }{
		"no line break":                          {"me", "me"},
		"one line break is removed":              {"me\n", "me"},
		"CRLF is removed":                        {"me\r\n", "me"},
		"only one of two line breaks is removed": {"me\n\n", `"me\n"`},
		"a carriage return is kept":              {"me\r", `"me\r"`},
		"white space is kept":                    {" me \n", " me "},
		"inner line breaks are kept":             {"a\nb\n", `"a\nb"`},
	} {
		t.Run(name, func(t *testing.T) {
			tempDir(t)
			write(t, "version", c.content, 0o666)
			for _, in := range []input{env("OFFLOAD_BUILD_VERSION_FILE=version"),
				inYAML("build_version_file: version")} {
				// Settings show the value even if its control characters are a fault.
				assert.Equal(t, c.want, setting(t, load(t, in), "OFFLOAD_BUILD_VERSION").Value)
			}
		})
	}
	t.Run("a secret", func(t *testing.T) {
		tempDir(t)
		write(t, "secret", strongA+"\r\n", 0o600)
		review := load(t, env("OFFLOAD_ENVIRONMENT=production",
			"OFFLOAD_SESSION_SECRET_FILE=secret"))
		assertFindings(t, nil, review.Faults)
		assert.Equal(t, []byte(strongA), review.Keyring.Keys()[0].Secret())
	})
	t.Run("a variable that holds a file name", func(t *testing.T) {
		tempDir(t)
		write(t, "name", "denied\n", 0o644)
		write(t, "denied", strongA, 0o644)
		review := load(t, production("OFFLOAD_SECRET_DENYLIST_FILE_FILE=name"))
		assertFindings(t, []finding{{"OFFLOAD_SESSION_SECRET", "environment", "publicly known"}},
			review.Faults)
	})
	t.Run("an empty secret file counts as not set, with a warning", func(t *testing.T) {
		tempDir(t)
		for _, content := range []string{"", "\n", "\r\n"} {
			write(t, "secret", content, 0o600)
			const origin = "environment, by OFFLOAD_SESSION_SECRET_FILE"
			review := load(t, env("OFFLOAD_SESSION_SECRET_FILE=secret"))
			assertFindings(t, nil, review.Faults)
			assertFindings(t, []finding{{"OFFLOAD_SESSION_SECRET", origin,
				"the file secret, which is empty"},
				{"OFFLOAD_SESSION_SECRET", origin, "is not set"}}, review.Warnings)
			review = load(t, env("OFFLOAD_SESSION_SECRET_FILE=secret", "OFFLOAD_ENVIRONMENT=prod"))
			assertFindings(t, []finding{{"OFFLOAD_SESSION_SECRET", origin, "is not set"}},
				review.Faults)
		}
	})
	t.Run("an empty file of another variable is an empty value", func(t *testing.T) {
		tempDir(t)
		write(t, "empty", "\n", 0o600)
		review := load(t, env("OFFLOAD_HTTP_ADDR_FILE=empty", "OFFLOAD_OPS_ADDR_FILE=empty"))
		assertFindings(t, []finding{{"OFFLOAD_HTTP_ADDR", "environment, by OFFLOAD_HTTP_ADDR_FILE",
			"is empty"}}, review.Faults)
		assert.Empty(t, review.Config.OpsAddr)
	})
}

func TestValueAndFileInOneSource(t *testing.T) {
	const problem = "is set both directly and by"
	runCases(t, []testCase{
		{"environment", env("OFFLOAD_LOG_LEVEL=x", "OFFLOAD_LOG_LEVEL_FILE=/nowhere"),
			[]finding{{"OFFLOAD_LOG_LEVEL", "environment", problem + " OFFLOAD_LOG_LEVEL_FILE"}},
			[]finding{unsetSecret}},
		{"YAML", inYAML("log_level: x\nlog_level_file: /nowhere"),
			[]finding{{"OFFLOAD_LOG_LEVEL", "file session.yaml", problem + " log_level_file"}},
			[]finding{unsetSecret}},
		{"a secret", env("OFFLOAD_SESSION_SECRET="+strongA, "OFFLOAD_SESSION_SECRET_FILE=/nowhere"),
			[]finding{{"OFFLOAD_SESSION_SECRET", "environment", problem}}, nil},
		{"even if a later source overrides it",
			input{yaml: "log_level: x\nlog_level_file: /nowhere",
				args: []string{"--log-level=info"}},
			[]finding{{"OFFLOAD_LOG_LEVEL", "file session.yaml", problem}}, []finding{unsetSecret}},
		{"an empty value", env("OFFLOAD_OPS_ADDR=",
			"OFFLOAD_OPS_ADDR_FILE=/nowhere"), []finding{{"OFFLOAD_OPS_ADDR", "environment",
			problem}},
			[]finding{unsetSecret}},
		{"an empty secret is not set",
			env("OFFLOAD_SESSION_SECRET=", "OFFLOAD_SESSION_SECRET_FILE=/nowhere"),
			[]finding{{"OFFLOAD_SESSION_SECRET", "environment, by OFFLOAD_SESSION_SECRET_FILE",
				"is not found"}}, nil},
		{"an empty file name is not set",
			env("OFFLOAD_LOG_LEVEL=info", "OFFLOAD_LOG_LEVEL_FILE="), nil, []finding{unsetSecret}},
		{"the environment is then production-like",
			env("OFFLOAD_ENVIRONMENT=dev", "OFFLOAD_ENVIRONMENT_FILE=x"), []finding{
				{"OFFLOAD_ENVIRONMENT", "environment", problem},
				{"OFFLOAD_SESSION_SECRET", "default", "is not set"},
			}, nil},
	})
}

func TestUnreadableFiles(t *testing.T) {
	tempDir(t)
	require.NoError(t, os.Mkdir("folder", 0o755))
	require.NoError(t, syscall.Mkfifo("pipe", 0o644))
	require.NoError(t, os.Symlink("loop", "loop"))
	require.NoError(t, os.Symlink("pipe", "to-pipe"))
	write(t, "large", strings.Repeat(strongA, 25000), 0o600)
	long := strings.Repeat("x.", 150)
	for name, problem := range map[string]string{
		"nothing": "is not found", "folder": "is not a regular file",
		"pipe": "is not a regular file", "to-pipe": "is not a regular file",
		"/dev/zero": "is not a regular file",
		"loop":      "cannot be read: too many levels of symbolic links", "large": "is larger than 1048576 bytes",
		"large/x": "cannot be read: not a directory", "a\x00b": "cannot be read: invalid argument", "\xff\n": "is not found",
		long: "cannot be read: file name too long",
	} {
		t.Run(name, func(t *testing.T) {
			shown := name
			switch name {
			case "a\x00b", "\xff\n":
				shown = fmt.Sprintf("%q", name)
			case long:
				shown = long[:200] + "…"
			}
			review := load(t, env("OFFLOAD_LOG_LEVEL_FILE="+name, "OFFLOAD_CONFIG_FILE="+name,
				"OFFLOAD_SESSION_SECRET_FILE="+name))
			secret := "is to be read from a file that " + problem + "; its name is not shown"
			if name[0] == '/' {
				secret = "is to be read from the file " + shown
			}
			assertFindings(t, []finding{
				{"OFFLOAD_CONFIG_FILE", "environment",
					"names the file " + shown + ", which " + problem},
				{"OFFLOAD_SESSION_SECRET", "environment, by OFFLOAD_SESSION_SECRET_FILE", secret},
				{"OFFLOAD_LOG_LEVEL", "environment, by OFFLOAD_LOG_LEVEL_FILE",
					"is to be read from the file " + shown + ", which " + problem},
			}, review.Faults)
			assert.Contains(t, review.Faults[1].Problem, problem)
			assert.Nil(t, review.Keyring)
		})
	}
	t.Run("a secret given as the file name is not shown", func(t *testing.T) {
		review := load(t, env("OFFLOAD_SESSION_SECRET_FILE="+strongA,
			"OFFLOAD_LIMITER_DIGEST_KEY_FILE="+strongC))
		assertFindings(t, []finding{
			{"OFFLOAD_SESSION_SECRET", "environment, by OFFLOAD_SESSION_SECRET_FILE",
				"a file that is not found"},
			{"OFFLOAD_LIMITER_DIGEST_KEY", "environment, by OFFLOAD_LIMITER_DIGEST_KEY_FILE",
				"a file that is not found"},
		}, review.Faults)
	})
	t.Run("exactly 1 MiB", func(t *testing.T) {
		write(t, "largest", strings.Repeat("x", 1<<20), 0o600)
		assertFindings(t, []finding{{"OFFLOAD_LOG_LEVEL", "environment, by OFFLOAD_LOG_LEVEL_FILE",
			"is not one of the allowed values"}},
			load(t, env("OFFLOAD_LOG_LEVEL_FILE=largest")).Faults)
	})
}

func TestModesOfSecretFiles(t *testing.T) {
	for _, mode := range []os.FileMode{0o600, 0o400, 0o640, 0o440, 0o650, 0o711} {
		testMode(t, mode, false)
	}
	for _, mode := range []os.FileMode{0o644, 0o604, 0o602, 0o620, 0o660, 0o666, 0o777} {
		testMode(t, mode, true)
	}
}

// testMode tests one mode with every kind of file that may contain a secret, and with one that does
// not.
func testMode(t *testing.T, mode os.FileMode, exposed bool) {
	const problem = "may be read or written by others, or written by its group"
	t.Run(mode.String(), func(t *testing.T) {
		tempDir(t)
		write(t, "secret", strongA, mode)
		write(t, "digest", strongB, mode)
		require.NoError(t, os.Symlink("secret", "link"))
		write(t, "keys", `{"v2-default":"`+strongA+`"}`, mode)
		write(t, "level", "info", mode)
		write(t, "plain.yaml",
			"log_level: info\nsession_secret_file: link\nsession_signing_keys:\n", mode)
		write(t, "secret.yaml", "session_secret: "+strongA, mode)
		write(t, "keys.yaml", "session_signing_keys: {v2-default: "+strongA+"}", mode)
		for _, c := range []struct {
			environ []string
			faults  []finding
		}{
			{[]string{"OFFLOAD_SESSION_SECRET_FILE=link", "OFFLOAD_LIMITER_DIGEST_KEY_FILE=digest"},
				[]finding{
					{"OFFLOAD_SESSION_SECRET", "environment, by OFFLOAD_SESSION_SECRET_FILE",
						"is read from the file link, which " + problem},
					{"OFFLOAD_LIMITER_DIGEST_KEY",
						"environment, by OFFLOAD_LIMITER_DIGEST_KEY_FILE",
						problem},
				}},
			{[]string{"OFFLOAD_SESSION_SIGNING_KEYS_FILE=keys"},
				[]finding{{"OFFLOAD_SESSION_SIGNING_KEYS",
					"environment, by OFFLOAD_SESSION_SIGNING_KEYS_FILE", problem}}},
			{[]string{"OFFLOAD_CONFIG_FILE=secret.yaml"},
				[]finding{{"OFFLOAD_CONFIG_FILE", "file secret.yaml",
					"contains a secret and " + problem}}},
			{[]string{"OFFLOAD_CONFIG_FILE=keys.yaml"},
				[]finding{{"OFFLOAD_CONFIG_FILE", "file keys.yaml",
					"contains a secret and " + problem}}},
			{[]string{"OFFLOAD_CONFIG_FILE=secret.yaml", "OFFLOAD_SESSION_SECRET=" + strongB},
				[]finding{{"OFFLOAD_CONFIG_FILE", "file secret.yaml",
					"contains a secret and " + problem}}},
			{[]string{"OFFLOAD_CONFIG_FILE=plain.yaml"},
				[]finding{{"OFFLOAD_SESSION_SECRET", "file plain.yaml, by session_secret_file",
					problem}}},
			{[]string{"OFFLOAD_CONFIG_FILE=plain.yaml", "OFFLOAD_SESSION_SECRET=" + strongA,
				"OFFLOAD_LOG_LEVEL_FILE=level"}, nil},
		} {
			assertFindings(t, nil, load(t, env(append(c.environ,
				"OFFLOAD_ENVIRONMENT=dev")...)).Faults)
			if !exposed {
				c.faults = nil
			}
			assertFindings(t, c.faults, load(t, env(append(c.environ,
				"OFFLOAD_ENVIRONMENT=production")...)).Faults)
		}
	})
}

// TestFoldersOfSecretFiles checks that a folder in which others may replace the file counts like
// the mode of the file, for every kind of file that may contain a secret.
func TestFoldersOfSecretFiles(t *testing.T) {
	const problem = "is in a folder in which others may replace it"
	tempDir(t)
	pair := pki.New(t, "localhost")
	write(t, "tls.crt", string(pair.Chain), 0o644)
	require.NoError(t, os.Mkdir("open", 0o700))
	write(t, "open/secret", strongA, 0o600)
	write(t, "open/secret.yaml", "session_secret: "+strongA, 0o600)
	write(t, "open/level", "info", 0o600)
	write(t, "open/tls.key", string(pair.Key), 0o600)
	write(t, "open/keyset.json", setOf(hs256("k", strongA, signsFrom)), 0o600)
	variables := map[string]string{
		"OFFLOAD_SESSION_SECRET=" + strongA + "\nOFFLOAD_LOG_LEVEL_FILE=open/level": "",
		"OFFLOAD_SESSION_SECRET_FILE=open/secret":                                   "OFFLOAD_SESSION_SECRET",
		"OFFLOAD_CONFIG_FILE=open/secret.yaml":                                      "OFFLOAD_CONFIG_FILE",
		"OFFLOAD_SESSION_KEYSET_FILE=open/keyset.json":                              "OFFLOAD_SESSION_KEYSET_FILE",
		"OFFLOAD_SESSION_SECRET=" + strongA +
			"\nOFFLOAD_TLS_CERT_FILE=tls.crt\nOFFLOAD_TLS_KEY_FILE=open/tls.key": "OFFLOAD_TLS_KEY_FILE",
	}
	faults := func(t *testing.T, environ, environment string) []config.Fault {
		t.Helper()
		return load(t, env(append(strings.Split(environ, "\n"),
			"OFFLOAD_ENVIRONMENT="+environment)...)).Faults
	}
	for mode, exposed := range map[os.FileMode]bool{0o755: false, 0o770: false,
		0o777 | os.ModeSticky: false, 0o777: true, 0o702: true} {
		require.NoError(t, os.Chmod("open", mode))
		for environ, variable := range variables {
			assert.Empty(t, faults(t, environ, "dev"), "%s %s", mode, environ)
			found := faults(t, environ, "production")
			if !exposed || variable == "" {
				assert.Empty(t, found, "%s %s", mode, environ)
				continue
			}
			require.Len(t, found, 1, "%s %s", mode, environ)
			assert.Equal(t, variable, found[0].Variable)
			assert.Contains(t, found[0].Problem, problem)
			assert.Contains(t, found[0].Remedy, "chmod")
		}
	}
	if os.Getuid() != 0 {
		return // only root can give files away
	}
	require.NoError(t, os.Chmod("open", 0o755))
	for _, name := range []string{"secret", "secret.yaml", "level", "tls.key", "keyset.json"} {
		require.NoError(t, os.Chown("open/"+name, 65534, -1))
	}
	for environ, variable := range variables {
		environ := append(strings.Split(environ, "\n"), "OFFLOAD_ENVIRONMENT=production")
		review := load(t, env(environ...))
		assert.Empty(t, review.Faults, environ)
		var foreign []string
		for _, warning := range review.Warnings {
			if strings.Contains(warning.Problem, "belongs to another user") {
				foreign = append(foreign, warning.Variable)
			}
		}
		if variable == "" {
			assert.Empty(t, foreign)
		} else {
			assert.Equal(t, []string{variable}, foreign)
		}
	}
}

func TestDenylist(t *testing.T) {
	tempDir(t)
	const variable = "OFFLOAD_SECRET_DENYLIST_FILE"
	write(t, "denied", "# other\r\n\n "+strongA+" \r\n"+strongC, 0o644)
	t.Run("is a fault in production", func(t *testing.T) {
		review := load(t, production(variable+"=denied", "OFFLOAD_LIMITER_DIGEST_KEY="+strongC))
		assertFindings(t, []finding{{"OFFLOAD_SESSION_SECRET", "environment", "(rule: published)"},
			{"OFFLOAD_LIMITER_DIGEST_KEY", "environment", "(rule: published)"}}, review.Faults)
	})
	t.Run("is a warning in development", func(t *testing.T) {
		review := load(t, input{environ: []string{"OFFLOAD_SESSION_SECRET=" + strongA},
			args: []string{"--secret-denylist-file=denied"}})
		assertFindings(t, nil, review.Faults)
		assertFindings(t, []finding{{"OFFLOAD_SESSION_SECRET", "environment", "(rule: published)"}},
			review.Warnings)
	})
	t.Run("accepts other secrets", func(t *testing.T) {
		assertFindings(t, nil, load(t, env(variable+"=denied", "OFFLOAD_ENVIRONMENT=production",
			"OFFLOAD_SESSION_SECRET="+strongB)).Faults)
	})
	t.Run("must be readable", func(t *testing.T) {
		assertFindings(t, []finding{{variable, "environment",
			"names the file nowhere, which is not found"}},
			load(t, production(variable+"=nowhere")).Faults)
	})
	t.Run("must not exceed 16 MiB", func(t *testing.T) {
		require.NoError(t, os.Truncate(write(t, "sparse", "", 0o644), 16<<20+1))
		assertFindings(t, []finding{{variable, "environment", "is larger than 16777216 bytes"}},
			load(t, production(variable+"=sparse")).Faults)
		write(t, "large", strings.Repeat("\n", 16<<20), 0o644)
		assertFindings(t, nil, load(t, production(variable+"=large")).Faults)
	})
	t.Run("must be lines of text", func(t *testing.T) {
		for content, problem := range map[string]string{
			strongB + "\n" + strongC + "\x00": "line 2 has a control character",
			strongB + "\r" + strongC:          "line 1 has a carriage return",
			"\xff\xfea\x00":                   "line 1 is in UTF-16",
			"\n\n\xff":                        "line 3 is not valid UTF-8",
		} {
			write(t, "unclear", content, 0o644)
			assertFindings(t, []finding{{variable, "environment",
				"names the file unclear, of which " + problem}},
				load(t, env(variable+"=unclear", "OFFLOAD_SESSION_SECRET="+strongA)).Faults)
		}
	})
	t.Run("warns of lines that match nothing", func(t *testing.T) {
		for content, problem := range map[string]string{
			"":                          "which has no secret",
			"\n\"" + strongC + "\"":     "of which line 2 has quotes",
			"KEY=" + strongC:            "of which line 1 has quotes, a name",
			strongC + " # of last year": "of which line 1 has a comment after the secret",
			"short":                     "of which line 1 has 5 characters",
		} {
			write(t, "doubtful", content, 0o644)
			review := load(t, production(variable+"=doubtful"))
			assertFindings(t, nil, review.Faults)
			assertFindings(t, []finding{{variable, "environment",
				"names the file doubtful, " + problem}}, review.Warnings)
		}
	})
	t.Run("refuses what was probably meant", func(t *testing.T) {
		for _, content := range []string{"\ufeff" + strongA, `"` + strongA + `"`, "KEY=" + strongA,
			strongA + " # of last year", strongA + ","} {
			write(t, "meant", content, 0o644)
			assertFindings(t, []finding{{"OFFLOAD_SESSION_SECRET", "environment",
				"(rule: published)"}}, load(t, production(variable+"=meant")).Faults)
		}
	})
}

// TestByteOrderMarks reads files that an editor began with a byte order mark.
func TestByteOrderMarks(t *testing.T) {
	const mark = "\ufeff"
	tempDir(t)
	write(t, "secret", mark+strongA+"\r\n", 0o600)
	review := load(t, input{yaml: mark + "session_ttl_seconds: 7",
		environ: []string{varSecret + "_FILE=secret"}})
	assertFindings(t, nil, review.Faults)
	assert.Equal(t, 7*time.Second, review.Config.Session.Lifetime)
	assert.Equal(t, []byte(strongA), review.Keyring.Keys()[0].Secret())
}
