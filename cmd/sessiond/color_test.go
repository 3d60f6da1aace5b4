package main

import (
	"bufio"
	"fmt"
	"os"
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
		shown := onTerminal(t, environ)
		assert.Contains(t, shown, "OFFLOAD_SESSION_SECRET (default)", environ)
		assert.Equal(t, colored, strings.Contains(shown, "\x1b[33mwarning\x1b[0m: "), environ)
		assert.Equal(t, colored, strings.Contains(shown, "\x1b"), environ)
	}
}

// onTerminal returns what a check writes to a terminal.
func onTerminal(t *testing.T, environ string) string {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	defer func() { _ = master.Close() }()
	require.NoError(t, unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetUint32(int(master.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	read := make(chan string, 1)
	go func() {
		var all strings.Builder
		for lines := bufio.NewScanner(master); lines.Scan() && lines.Text() != "end"; {
			all.WriteString(lines.Text() + "\n")
		}
		read <- all.String()
	}()
	bootstrap.Run([]string{"check"}, []string{environ}, terminal, terminal)
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
