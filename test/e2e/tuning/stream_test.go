package tuning_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/accesslog"
	"github.com/offload/sessiond/adapters/cli"
	"github.com/offload/sessiond/test/harness"
)

var agent = strings.Repeat("agent ", 40)

// generatedLog is a log of requests for sessions, about three in a second, as nginx writes it:
// times never go back, and clients come in no order. One line in ten is broken. It ends with the
// first line after so many bytes.
type generatedLog struct {
	bytes  int
	random *rand.Rand
	at     time.Time

	rest          string
	lines, broken int
}

func newGeneratedLog(bytes int) *generatedLog {
	return &generatedLog{bytes: bytes, random: rand.New(rand.NewPCG(20, 64)), at: logStart}
}

// Read implements io.Reader.
func (l *generatedLog) Read(p []byte) (int, error) {
	n := copy(p, l.rest)
	for l.rest = l.rest[n:]; n < len(p) && l.bytes > 0; {
		line := l.next()
		l.bytes -= len(line)
		copied := copy(p[n:], line)
		n, l.rest = n+copied, line[copied:]
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// next returns the next line.
func (l *generatedLog) next() string {
	l.lines++
	l.at = l.at.Add(time.Duration(l.random.IntN(667)) * time.Millisecond)
	line := fmt.Sprintf(`198.51.%d.%d - - [%s] "POST /v1/sessions/anonymous HTTP/1.1" 200 345 `+
		`"-" "%s"`+"\n", l.random.IntN(100), l.random.IntN(100),
		l.at.Format("02/Jan/2006:15:04:05 -0700"), agent)
	if l.random.IntN(10) == 0 {
		l.broken++
		return line[len(line)/2:]
	}
	return line
}

// TestALogStreams pipes a log through a process, which stays below 64 MiB: 60 MB, or as many as
// TUNING_TEST_LOG_MB says.
func TestALogStreams(t *testing.T) {
	t.Parallel()
	megabytes := 60
	if text, set := os.LookupEnv("TUNING_TEST_LOG_MB"); set {
		var err error
		megabytes, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	// The longest log takes a minute on a busy machine.
	ctx, cancel := context.WithTimeout(t.Context(), 2*harness.Timeout)
	defer cancel()
	command := exec.CommandContext(ctx, harness.Binary(t), "limits", "simulate", "--per-ip", "8",
		"--per-network", "256", "--format", "json")
	command.Env = []string{}
	log := newGeneratedLog(1_000_000 * megabytes)
	command.Stdin = log
	var out, stderr strings.Builder
	command.Stdout, command.Stderr = &out, &stderr
	require.NoError(t, command.Start())
	peak := peakOf(command.Process.Pid)
	began := time.Now()
	err := command.Wait()
	require.NoError(t, ctx.Err(), "timed out waiting until the simulation ends")
	require.NoError(t, err, stderr.String())
	assert.Empty(t, stderr.String(), "no progress bar in a pipe")
	var report cli.SimulateReport
	require.NoError(t, json.Unmarshal([]byte(out.String()), &report))
	assert.Equal(t, log.lines-log.broken, report.Requests)
	assert.Equal(t, map[string]int{accesslog.ReasonForm: log.broken}, report.Unreadable)
	assert.Equal(t, 10_000, report.Settings[0].Addresses.Subjects)
	largest := harness.Receive(t, "the process is gone from /proc", peak)
	t.Logf("%d MB in %s, %d KiB", megabytes, time.Since(began).Round(time.Millisecond), largest)
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
