package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/offload/sessiond/bootstrap"
)

// TestColor checks a configuration with warnings: colours appear only on a terminal, and never with
// NO_COLOR.
func TestColor(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/output")
	require.NoError(t, err)
	defer func() { _ = file.Close() }()
	bootstrap.Run([]string{"check"}, nil, file, file)
	written, err := os.ReadFile(file.Name())
	require.NoError(t, err)
	assert.NotContains(t, string(written), "\x1b", "a file")

	for environ, colored := range map[string]bool{
		"TERM=xterm": true, "NO_COLOR=": true, "NO_COLOR=1": false, "TERM=dumb": false,
	} {
		shown := onTerminal(t, 0, environ, "check")
		assert.Contains(t, shown, "OFFLOAD_SESSION_SECRET (default)", environ)
		assert.Equal(t, colored, strings.Contains(shown, "\x1b[33mwarning\x1b[0m: "), environ)
		assert.Equal(t, colored, strings.Contains(shown, "\x1b"), environ)
	}
}

// TestProgress simulates limits on a terminal: a bar shows in one line of it, and is gone at the
// end.
func TestProgress(t *testing.T) {
	log := filepath.Join(t.TempDir(), "access.log")
	require.NoError(t, os.WriteFile(log, []byte(
		`203.0.113.5 - - [30/Nov/2026:13:00:05 +0100] "GET / HTTP/1.1" 200 5 "-" "-"`+"\n"), 0o600))
	for columns, want := range map[uint16]string{
		0:   `^\r\[#{30}\] 100 %\r +\r$`,
		200: `^\r\[#{30}\] 100 %\r +\r$`,
		40:  `^\r\[#{30}\] 100 %\r +\r$`,
		20:  `^\r\[#{11}\] 100 %\r +\r$`,
		3:   `^\r10\r  \r$`,
	} {
		shown := onTerminal(t, columns, "TERM=dumb", "limits", "simulate", "--per-ip", "1", log)
		bar, report, _ := strings.Cut(shown, "access log: ")
		assert.Regexp(t, want, bar, columns)
		assert.NotContains(t, report, "\r")
		assert.NotContains(t, shown, "\x1b")
		for part := range strings.SplitSeq(bar, "\r") {
			assert.True(t, columns == 0 || len(part) < int(columns), "%d columns: %q", columns, part)
		}
	}
}

// onTerminal returns what a command writes to a terminal of so many columns.
func onTerminal(t *testing.T, columns uint16, environ string, args ...string) string {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	defer func() { _ = master.Close() }()
	require.NoError(t, unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetUint32(int(master.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	require.NoError(t, unix.IoctlSetWinsize(int(terminal.Fd()), unix.TIOCSWINSZ,
		&unix.Winsize{Row: 24, Col: columns}))
	read := make(chan string, 1)
	go func() {
		var all strings.Builder
		for text := bufio.NewReader(master); ; {
			line, err := text.ReadString('\n')
			if err != nil || line == "end\r\n" {
				break
			}
			all.WriteString(strings.TrimSuffix(line, "\r\n") + "\n")
		}
		read <- all.String()
	}()
	bootstrap.Run(args, []string{environ}, terminal, terminal)
	_, err = terminal.WriteString("end\n")
	require.NoError(t, err)
	select {
	case text := <-read:
		require.NoError(t, terminal.Close())
		return text
	case <-time.After(time.Minute):
		require.Fail(t, "timed out waiting for the end of what was written to the terminal")
	}
	return ""
}
