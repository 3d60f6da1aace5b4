package config_test

import (
	"context"
	"encoding/base64"
	"errors"
	"flag"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

var update = flag.Bool("update", false, "write what the service prints into testdata/mistakes")

// TestMistakes makes the mistakes of a new operator, each in a file of testdata/mistakes, and
// compares what sessiond prints with the text in that file. A file is a txtar archive. It begins
// with lines:
//
//	# what the operator did
//	env NAME=value          a variable; with spaces around the =, the value is a Go string
//	file NAME = "text"      a file with that text, a Go string
//	copy NAME               a file of testdata/files
//	mode 644 NAME           the mode of a file, which is 600 otherwise, or of the folder
//	socket 660 NAME         a socket that the service inherits as from systemd; it listens at a
//	                        path of the folder, or without a file if NAME begins with @; with the
//	                        word removed behind it, its file is removed
//	socket deaf             one that does not listen
//	run check --strict      the arguments, if they are not check alone
//
// Then come the files, and what is expected: stdout, stderr (none if it is empty) and status. With
// -update, the test writes these three anew; read the difference before you commit it. Text between
// « and » is without these marks for the service, and must not appear in what it prints.
// INSTANT is the time of a log line, and FOLDER the folder.
func TestMistakes(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("testdata/mistakes/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	binary := harness.Binary(t)
	hidden := 0
	for _, name := range names {
		m := readMistake(t, name)
		hidden += len(m.hidden)
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			got := m.make(t, binary)
			for _, text := range m.hidden {
				assertHidden(t, text, got)
			}
			if *update {
				m.archive.Files = append(m.archive.Files, got.files()...)
				require.NoError(t, os.WriteFile(name, txtar.Format(m.archive), 0o644))
				return
			}
			assert.Equal(t, m.expected, got)
		})
	}
	assert.Greater(t, hidden, 50, "texts that must not be printed")
}

// mistake is one file of testdata/mistakes.
type mistake struct {
	archive  *txtar.Archive // without what is expected
	env      harness.Env
	args     []string
	files    map[string]string
	modes    map[string]os.FileMode
	sockets  [][]string // the words of each line
	hidden   []string
	expected printed
}

// printed is what a command printed, and its exit status.
type printed struct{ stdout, stderr, status string }

// files returns the files of an archive that hold p.
func (p printed) files() []txtar.File {
	var files []txtar.File
	for _, file := range []txtar.File{{Name: "stdout", Data: []byte(p.stdout)},
		{Name: "stderr", Data: []byte(p.stderr)}, {Name: "status", Data: []byte(p.status)}} {
		if len(file.Data) > 0 {
			files = append(files, file)
		}
	}
	return files
}

// instants are the times of log lines.
var instants = regexp.MustCompile(`\b\d{4}-\d\d-\d\dT[\d:]+\.\d+Z`)

// marks encloses what must not be printed.
var marks = regexp.MustCompile(`«([^»]+)»`)

// plain returns text without marks, and notes what they enclose.
func (m *mistake) plain(text string) string {
	for _, found := range marks.FindAllStringSubmatch(text, -1) {
		m.hidden = append(m.hidden, found[1])
	}
	return strings.NewReplacer("«", "", "»", "").Replace(text)
}

func readMistake(t *testing.T, name string) mistake {
	t.Helper()
	archive, err := txtar.ParseFile(name)
	require.NoError(t, err)
	m := mistake{archive: archive, args: []string{"check"}, files: map[string]string{},
		modes: map[string]os.FileMode{},
		// The machine may allow fewer connections than the default.
		env: harness.Env{"OFFLOAD_HTTP_MAX_CONNECTIONS": "4000"}}
	archive.Files = slices.DeleteFunc(archive.Files, func(file txtar.File) bool {
		switch file.Name {
		case "stdout":
			m.expected.stdout = string(file.Data)
		case "stderr":
			m.expected.stderr = string(file.Data)
		case "status":
			m.expected.status = string(file.Data)
		default:
			m.files[file.Name] = m.plain(string(file.Data))
			return false
		}
		return true
	})
	for line := range strings.Lines(string(archive.Comment)) {
		word, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch word {
		case "env":
			key, value := m.assignment(t, name, rest)
			m.env[key] = value
		case "file":
			key, value := m.assignment(t, name, rest)
			m.files[key] = value
		case "copy":
			content, err := os.ReadFile("testdata/files/" + rest)
			require.NoError(t, err, "%s: %s", name, line)
			m.files[rest] = m.plain(string(content))
		case "mode":
			octal, path, _ := strings.Cut(rest, " ")
			mode, err := strconv.ParseUint(octal, 8, 32)
			require.NoError(t, err, "%s: %s", name, line)
			m.modes[path] = os.FileMode(mode)
		case "socket":
			m.sockets = append(m.sockets, strings.Fields(rest))
		case "run":
			m.args = strings.Fields(m.plain(rest))
		default:
			require.True(t, word == "#" || line == "\n", "%s: %s", name, line)
		}
	}
	return m
}

// assignment parses NAME=value and NAME = "Go string".
func (m *mistake) assignment(t *testing.T, name, text string) (key, value string) {
	t.Helper()
	if key, quoted, found := strings.Cut(text, " = "); found {
		value, err := strconv.Unquote(quoted)
		require.NoError(t, err, "%s: %s", name, text)
		return key, m.plain(value)
	}
	key, value, found := strings.Cut(text, "=")
	require.True(t, found, "%s: %s", name, text)
	return m.plain(key), m.plain(value)
}

// make runs the command in a folder with the files.
func (m mistake) make(t *testing.T, binary string) printed {
	t.Helper()
	folder := t.TempDir()
	if len(m.sockets) > 0 {
		folder = socketFolder(t)
	}
	for name, text := range m.files {
		path := filepath.Join(folder, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	for name, mode := range m.modes {
		require.NoError(t, os.Chmod(filepath.Join(folder, name), mode))
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, binary, m.args...)
	if len(m.sockets) > 0 {
		// LISTEN_PID is the process itself, which exec keeps.
		command = exec.CommandContext(ctx, "sh", append([]string{"-c", `LISTEN_PID=$$ exec "$0" "$@"`,
			binary}, m.args...)...)
		m.env["LISTEN_FDS"] = strconv.Itoa(len(m.sockets))
		for _, words := range m.sockets {
			command.ExtraFiles = append(command.ExtraFiles, inheritable(t, folder, words))
		}
	}
	command.Dir, command.Env = folder, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + folder}
	for name, value := range m.env {
		command.Env = append(command.Env, name+"="+value)
	}
	var stdout, stderr strings.Builder
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		var exit *exec.ExitError
		require.True(t, errors.As(err, &exit) && ctx.Err() == nil,
			"run %v within a minute: %v\n%s%s", m.args, err, &stdout, &stderr)
	}
	printedErr := strings.ReplaceAll(instants.ReplaceAllString(stderr.String(), "INSTANT"), folder,
		"FOLDER")
	return printed{stdout.String(), printedErr,
		strconv.Itoa(command.ProcessState.ExitCode()) + "\n"}
}

// socketFolder returns a folder that every user may enter, and whose name leaves room for a socket.
func socketFolder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("/tmp", "s") // TMPDIR may be below a closed folder
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	require.NoError(t, os.Chmod(folder, 0o755))
	return folder
}

// inheritable opens the socket that the words of a line describe.
func inheritable(t *testing.T, folder string, words []string) *os.File {
	t.Helper()
	if words[0] == "deaf" {
		descriptor, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
		require.NoError(t, err)
		file := os.NewFile(uintptr(descriptor), words[0])
		t.Cleanup(func() { _ = file.Close() })
		return file
	}
	path, abstract := strings.CutPrefix(words[1], "@")
	path = filepath.Join(folder, path) // abstract names are those of the whole machine
	if abstract {
		path = "@" + path
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(t, err)
	listener.SetUnlinkOnClose(false)
	t.Cleanup(func() { _ = listener.Close() })
	file, err := listener.File()
	require.NoError(t, err)
	t.Cleanup(func() { _ = file.Close() })
	if !abstract {
		mode, err := strconv.ParseUint(words[0], 8, 32)
		require.NoError(t, err)
		require.NoError(t, os.Chmod(path, os.FileMode(mode)))
	}
	if len(words) > 2 {
		require.NoError(t, os.Remove(path))
	}
	return file
}

// assertHidden fails if a part of a text, or of what it encodes, was printed.
func assertHidden(t *testing.T, text string, got printed) {
	t.Helper()
	const part = 8
	forms := strings.Fields(text)
	for _, form := range forms {
		for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawURLEncoding} {
			if decoded, err := encoding.DecodeString(form); err == nil {
				forms = append(forms, string(decoded))
			}
		}
	}
	output := strings.ToLower(got.stdout + got.stderr)
	for _, form := range append(forms, text) {
		form = strings.ToLower(form)
		for i := range max(1, len(form)-part+1) {
			trace := form[i:min(len(form), i+part)]
			if len(trace) >= 3 && strings.Contains(output, trace) {
				assert.Fail(t, "part of a secret was printed", "%q in\n%s", trace, output)
				return
			}
		}
	}
}
