package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// wantedFiles is how many open files the largest shapes need in one process.
const wantedFiles = 20_000

// raiseOpenFiles raises the number of files that this process and its children may have open as far
// as it is allowed to, and returns it.
func raiseOpenFiles() (int, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, err
	}
	if limit.Max < wantedFiles { // allowed for root in some containers only
		higher := syscall.Rlimit{Cur: wantedFiles, Max: wantedFiles}
		if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &higher) == nil {
			return wantedFiles, nil
		}
	}
	limit.Cur = min(limit.Max, 1<<20)
	return int(limit.Cur), syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
}

// service is the built binary, running as a process.
type service struct {
	command     *exec.Cmd
	public, ops string
	tls         bool
	log         *os.File // the end that is read
	lines       atomic.Int64
	highest     atomic.Int64  // resident memory
	ended       chan struct{} // closed once the process has ended
}

// start starts the binary with an environment, at most so many open files (0: all), and waits until
// it serves.
func start(binary string, env []string, files int) (*service, error) {
	s := &service{ended: make(chan struct{})}
	s.command = exec.Command(binary)
	if files > 0 { // the hard limit too: the service raises the soft one to it
		s.command = exec.Command("sh", "-c", `ulimit -n "$1" && exec "$0"`, binary,
			strconv.Itoa(files))
	}
	s.command.Env = append([]string{"OFFLOAD_ENVIRONMENT=development",
		"OFFLOAD_HTTP_ADDR=127.0.0.1:0", "OFFLOAD_OPS_ADDR=127.0.0.1:0",
		"PATH=" + os.Getenv("PATH")}, env...)
	for _, variable := range env {
		s.tls = s.tls || strings.HasPrefix(variable, "OFFLOAD_TLS_CERT_FILE=")
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	s.log, s.command.Stderr = read, write
	err = s.command.Start()
	_ = write.Close()
	if err != nil {
		return nil, err
	}
	go func() {
		defer close(s.ended)
		_ = s.command.Wait() // the status is in ProcessState
	}()
	var last string
	lines := bufio.NewReader(read)
	for {
		text, err := lines.ReadString('\n')
		if err != nil {
			s.stop()
			return nil, fmt.Errorf("the service ended before it logged service_started: %s", last)
		}
		last = text
		var line struct{ Event, Public, Operations string }
		if json.Unmarshal([]byte(text), &line) == nil && line.Event == "service_started" {
			s.public, s.ops = line.Public, line.Operations
			break
		}
	}
	go s.count(lines)
	go s.watch()
	return s, nil
}

// count counts the log lines until the log ends.
func (s *service) count(log io.Reader) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := log.Read(buffer)
		s.lines.Add(int64(bytes.Count(buffer[:n], []byte("\n"))))
		if err != nil {
			return
		}
	}
}

// closeLog closes the log's reader, as a log collector does that ends.
func (s *service) closeLog() { _ = s.log.Close() }

// end returns how the process ended by itself, or nothing while it runs.
func (s *service) end() string {
	select {
	case <-s.ended:
		return s.command.ProcessState.String()
	default:
		return ""
	}
}

func (s *service) stop() {
	_ = s.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(20 * time.Second):
		_ = s.command.Process.Kill()
		<-s.ended
	}
	_ = s.log.Close()
}

// memory returns the resident memory of the process, in bytes. It is 0 once the process has ended.
func (s *service) memory() int64 { return s.status("VmRSS:") }

// peak returns the highest resident memory so far, in bytes.
func (s *service) peak() int64 { return max(s.highest.Load(), s.status("VmHWM:")) }

// watch keeps the highest resident memory, so that it is known of a process that ended. What the
// kernel reports to the parent then includes the parent's own memory, from before exec.
func (s *service) watch() {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		s.highest.Store(s.peak())
		select {
		case <-s.ended:
			return
		case <-tick.C:
		}
	}
}

func (s *service) status(name string) int64 {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.command.Process.Pid))
	return kibibytes(status, name)
}

func kibibytes(status []byte, name string) int64 {
	for line := range strings.Lines(string(status)) {
		if text, found := strings.CutPrefix(line, name); found {
			value, _ := strconv.ParseInt(strings.Fields(text)[0], 10, 64)
			return value << 10
		}
	}
	return 0
}

// files returns how many files, and so connections, the process has open.
func (s *service) files() int {
	entries, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.command.Process.Pid))
	return len(entries)
}
