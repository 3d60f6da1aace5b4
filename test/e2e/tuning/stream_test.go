package tuning_test

import (
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/cli"
	"github.com/offload/sessiond/test/harness"
)

// endlessLog is a log of so many lines, one in ten of which is broken.
type endlessLog struct {
	left, n int
	rest    string
}

func (l *endlessLog) Read(p []byte) (int, error) {
	for l.rest == "" {
		if l.left == 0 {
			return 0, io.EOF
		}
		at := logStart.Add(time.Duration(l.n) * 500 * time.Millisecond)
		l.rest = fmt.Sprintf(`198.51.%d.%d - - [%s] "POST /v1/sessions/anonymous HTTP/1.1" 200 345 `+
			`"-" "%s"`+"\n", l.n%7, l.n%251, at.Format("02/Jan/2006:15:04:05 -0700"),
			strings.Repeat("agent ", 40))
		if l.n%10 == 9 {
			l.rest = l.rest[len(l.rest)/2:]
		}
		l.n++
		l.left--
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

// TestALogStreams pipes a log of 60 MB through a process, which stays below 64 MiB.
func TestALogStreams(t *testing.T) {
	t.Parallel()
	const count = 200_000
	command := exec.Command(harness.Binary(t), "limits", "simulate", "--per-ip", "8",
		"--per-network", "256", "--format", "json")
	command.Env = []string{}
	command.Stdin = &endlessLog{left: count}
	var stderr strings.Builder
	command.Stderr = &stderr
	out, err := command.Output()
	require.NoError(t, err, stderr.String())
	assert.Empty(t, stderr.String(), "no progress bar in a pipe")
	var report cli.SimulateReport
	require.NoError(t, json.Unmarshal(out, &report))
	assert.Equal(t, count*9/10, report.Requests)
	broken := 0
	for _, n := range report.Unreadable {
		broken += n
	}
	assert.Equal(t, count/10, broken)
	usage, ok := command.ProcessState.SysUsage().(*syscall.Rusage)
	require.True(t, ok)
	assert.Less(t, usage.Maxrss, int64(64<<10), "KiB")
}
