package faults_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

// The number of connections of a rush to each replica, and the length of its bodies, which is just
// below the longest that the service reads.
const (
	rushConnections = 24
	heavyLength     = 16<<10 - 100
)

// rush keeps every processor busy while it lasts: with requests that are expensive to read, sent
// to the replicas without a pause, and with one busy process for each processor.
type rush struct {
	leave   context.CancelFunc
	running sync.WaitGroup
	busy    []*exec.Cmd
}

// startRush starts a rush on the replicas, and gives both a lower priority than the storage has.
// The load counts and judges the answers to its requests. It ends with the test at the latest.
func startRush(t testing.TB, w *world) {
	t.Helper()
	for _, r := range w.replicas {
		lowerPriority(t, r.Pid())
	}
	l := w.load
	ctx, leave := context.WithCancel(context.Background())
	r := &rush{leave: leave}
	w.rush = r
	t.Cleanup(func() { r.stop(t) })
	for replica := range l.replicas {
		for number := range rushConnections {
			r.running.Go(func() {
				if err := l.sendHeavy(ctx, replica, number); err != nil && ctx.Err() == nil {
					l.record(replica, caller{}, verdict{violation: "no answer: " + err.Error()}, nil)
				}
			})
		}
	}
	for range runtime.NumCPU() {
		r.busy = append(r.busy, startBusyProcess(t))
	}
}

// stop ends the rush, and returns when that is done. It may be called more than once.
func (r *rush) stop(t testing.TB) {
	r.leave()
	for _, process := range r.busy {
		_ = process.Process.Kill() // it may have ended
	}
	awaitReturn(t, "the rush to end", func() {
		r.running.Wait()
		for _, process := range r.busy {
			_ = process.Wait() // the status does not matter
		}
	})
	r.busy = nil
}

// sendHeavy sends heavy requests on one connection until ctx is done. All come from a few
// addresses, so that the limits hold for them too.
func (l *load) sendHeavy(ctx context.Context, replica, number int) error {
	conn, err := (&net.Dialer{Timeout: harness.Timeout}).DialContext(ctx, "tcp",
		l.replicas[replica].Public)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	reader := bufio.NewReader(conn)
	for sent := 0; ; sent++ {
		from := newCaller(fmt.Sprintf("heavy%d-%d-%d", replica, number, sent), address(3, number%hot))
		if _, err := io.WriteString(conn, heavyRequest(from)); err != nil {
			return err
		}
		answer, err := http.ReadResponse(reader, nil)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			return err
		}
		l.record(replica, from, judge(harness.Response{Status: answer.StatusCode,
			Header: answer.Header, Body: string(body)}, nil, l.rules), nil)
	}
}

// heavyRequest returns a valid request whose body has as many names as fit, all of which the
// service has to compare.
func heavyRequest(from caller) string {
	var body strings.Builder
	body.WriteString(strings.TrimSuffix(harness.IssueBody(from.id), "}"))
	for i := 0; body.Len() < heavyLength; i++ {
		fmt.Fprintf(&body, `,"%x":0`, i)
	}
	body.WriteString("}")
	return harness.RawIssue(body.String(), "X-Forwarded-For: "+from.address)
}

// busyVariable makes the test binary a process that keeps one processor busy until its standard
// input ends. That is when the test's process ends, at the latest.
const busyVariable = "FAULTS_BUSY"

func TestMain(m *testing.M) {
	if os.Getenv(busyVariable) != "" {
		go func() {
			var spun atomic.Uint64
			for {
				spun.Add(1)
			}
		}()
		_, _ = io.Copy(io.Discard, os.Stdin) // any end of it ends the process
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func startBusyProcess(t testing.TB) *exec.Cmd {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	command := exec.Command(program)
	command.Env = append(os.Environ(), busyVariable+"=1")
	_, err = command.StdinPipe() // stays open until the process has ended
	require.NoError(t, err)
	require.NoError(t, command.Start())
	lowerPriority(t, command.Process.Pid)
	return command
}

// lowerPriority gives each thread of a process a lower priority. Later threads inherit it.
func lowerPriority(t testing.TB, pid int) {
	t.Helper()
	const nice = 10
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	require.NoError(t, err)
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		require.NoError(t, err)
		err = syscall.Setpriority(syscall.PRIO_PROCESS, id, nice)
		if !errors.Is(err, syscall.ESRCH) { // the thread has ended
			require.NoError(t, err)
		}
	}
}
