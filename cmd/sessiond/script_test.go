package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sessiond": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		// A service that serves instead of refusing to start would run for ever.
		Deadline: time.Now().Add(5 * time.Minute),
		Setup: func(env *testscript.Env) error {
			// Otherwise each command of a race build sleeps a second before it exits.
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "matches": matches, "mode": mode, "hides": hides,
		},
	})
}

// exits runs a command and requires the exit status that its first argument gives.
func exits(script *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) < 2 {
		script.Fatalf("usage: exits status command [argument...]")
	}
	status := 0
	if err := script.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			script.Fatalf("%v", err)
		}
		status = exit.ExitCode()
	}
	if strconv.Itoa(status) != args[0] {
		script.Fatalf("exit status %d, want %s", status, args[0])
	}
}

// matches compares a file with a file in which every line is a pattern. KID and INSTANT stand for
// generated key ids and for times, which differ from run to run.
func matches(script *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) != 2 {
		script.Fatalf("usage: matches file patterns")
	}
	placeholders := strings.NewReplacer("KID", `[a-z]{2}-\d{4}-\d\d-\d\d-[a-z2-9]{5}`, "INSTANT",
		`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)
	lines, patterns := strings.Split(script.ReadFile(args[0]), "\n"),
		strings.Split(script.ReadFile(args[1]), "\n")
	for i, pattern := range patterns {
		expression, err := regexp.Compile("^(?:" + placeholders.Replace(pattern) + ")$")
		if err != nil {
			script.Fatalf("%s:%d: %v", args[1], i+1, err)
		}
		if i >= len(lines) || !expression.MatchString(lines[i]) {
			script.Fatalf("%s does not match %s from line %d on, which is %q", args[0], args[1],
				i+1, pattern)
		}
	}
	if len(lines) > len(patterns) {
		script.Fatalf("%s has %d lines, %s has %d", args[0], len(lines), args[1], len(patterns))
	}
}

// mode requires the permissions of a file.
func mode(script *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) != 2 {
		script.Fatalf("usage: mode octal file")
	}
	stat, err := os.Stat(script.MkAbs(args[1]))
	script.Check(err)
	if got := strconv.FormatUint(uint64(stat.Mode().Perm()), 8); got != args[0] {
		script.Fatalf("mode %s, want %s", got, args[0])
	}
}

// hides requires that the output of the last command contains no part of the key material in a
// keyset file, in any encoding.
func hides(script *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) != 1 {
		script.Fatalf("usage: hides keyset")
	}
	var set struct {
		Keys []struct{ K, D string }
	}
	script.Check(json.Unmarshal([]byte(script.ReadFile(args[0])), &set))
	output, parts := script.ReadFile("stdout")+script.ReadFile("stderr"), 0
	for _, key := range set.Keys {
		material, err := base64.RawURLEncoding.DecodeString(key.K + key.D)
		script.Check(err)
		for _, form := range []string{
			string(material), hex.EncodeToString(material),
			strings.ToUpper(hex.EncodeToString(material)),
			base64.RawURLEncoding.EncodeToString(material),
			base64.RawStdEncoding.EncodeToString(material),
		} {
			const part = 8
			for i := range max(0, len(form)-part+1) {
				parts++
				if strings.Contains(output, form[i:i+part]) {
					script.Fatalf("output contains key material: %q", form[i:i+part])
				}
			}
		}
	}
	if parts == 0 {
		script.Fatalf("%s contains no key material", args[0])
	}
}
