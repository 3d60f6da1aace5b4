package deploy

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/elastic/go-seccomp-bpf/arch"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness/parts"
)

const (
	examples    = "../../cmd/sessiond/deploy/"
	serviceUnit = examples + "systemd/sessiond.service"
	socketUnit  = examples + "systemd/sessiond.socket"
)

// unit holds the values of each setting of a unit file, in order, by "Section.Name".
type unit map[string][]string

func readUnit(t *testing.T, path string) unit {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	read, section := unit{}, ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if line[0] == '[' {
			section = strings.Trim(line, "[]")
			continue
		}
		name, value, found := strings.Cut(line, "=")
		require.True(t, found, "%s: %s", path, line)
		read[section+"."+name] = append(read[section+"."+name], value)
	}
	return read
}

// one returns the only value of a setting.
func (u unit) one(t *testing.T, name string) string {
	t.Helper()
	require.Len(t, u[name], 1, name)
	return u[name][0]
}

// systemd runs systemd-analyze, which asks no running systemd for these commands.
func systemd(t *testing.T, args ...string) (output string, err error) {
	t.Helper()
	program, env, err := parts.Find("systemd", "systemd-analyze")
	require.NoError(t, err)
	command := exec.Command(program, append([]string{"--no-pager"}, args...)...)
	command.Env = append(os.Environ(), env...)
	text, err := command.CombinedOutput()
	return string(text), err
}

// calls returns the system calls that SystemCallFilter= lines allow: those of the first, less those
// of the lines that begin with a tilde.
func calls(t *testing.T, lines []string) []string {
	t.Helper()
	allowed := map[string]bool{}
	for _, line := range lines {
		sets, denied := strings.CutPrefix(line, "~")
		for set := range strings.FieldsSeq(sets) {
			for _, call := range members(t, set) {
				allowed[call] = !denied
			}
		}
	}
	machine, err := arch.GetInfo("")
	require.NoError(t, err)
	var list []string
	for call, ok := range allowed {
		if _, known := machine.SyscallNames[call]; ok && known {
			list = append(list, call)
		}
	}
	require.NotEmpty(t, list)
	return list
}

// members returns the system calls of a set of systemd, and of the sets in it.
func members(t *testing.T, set string) []string {
	t.Helper()
	if !strings.HasPrefix(set, "@") {
		return []string{set}
	}
	text, err := systemd(t, "syscall-filter", set)
	require.NoError(t, err, "%s", text)
	var list []string
	lines := bufio.NewScanner(bytes.NewBufferString(text))
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line != "" && line[0] != '#' && line != set {
			list = append(list, members(t, line)...)
		}
	}
	return list
}
