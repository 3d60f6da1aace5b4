package tuning_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
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
	var out bytes.Buffer
	command.Stdout = &out
	require.NoError(t, command.Start())
	peak := peakOf(command.Process.Pid)
	require.NoError(t, command.Wait(), stderr.String())
	assert.Empty(t, stderr.String(), "no progress bar in a pipe")
	var report cli.SimulateReport
	require.NoError(t, json.Unmarshal(out.Bytes(), &report))
	assert.Equal(t, count*9/10, report.Requests)
	broken := 0
	for _, n := range report.Unreadable {
		broken += n
	}
	assert.Equal(t, count/10, broken)
	largest := <-peak
	assert.Positive(t, largest)
	assert.Less(t, largest, 64<<10, "KiB")
}

// peakOf sends the largest resident memory of a process in KiB, once that has ended. It is not the
// maximum that the kernel reports of a child, which counts that of its parent until it is another
// program.
func peakOf(pid int) <-chan int {
	peak := make(chan int, 1)
	go func() {
		largest := 0
		for {
			status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
			_, rest, found := strings.Cut(string(status), "VmHWM:")
			if err != nil || !found { // it has ended
				peak <- largest
				return
			}
			kibibytes, _ := strconv.Atoi(strings.Fields(rest)[0])
			largest = max(largest, kibibytes)
			time.Sleep(time.Millisecond)
		}
	}()
	return peak
}
