package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// service is the built binary, running as a process.
type service struct {
	command     *exec.Cmd
	public, ops string
}

// raiseOpenFiles raises the number of files that this process and its children may have open. It
// fails if the hard limit is below needed.
func raiseOpenFiles(needed uint64) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	limit.Cur = limit.Max
	if limit.Cur < needed {
		return fmt.Errorf("the hard limit on open files is %d, but %d are needed: raise ulimit -Hn",
			limit.Max, needed)
	}
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
}

// start starts the binary with the default deadlines and with limits that refuse no client here,
// and waits until it serves.
func start(binary string) (*service, error) {
	s := &service{command: exec.Command(binary)}
	s.command.Env = []string{
		"OFFLOAD_HTTP_ADDR=127.0.0.1:0", "OFFLOAD_OPS_ADDR=127.0.0.1:0",
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP=10000", "OFFLOAD_SESSION_ISSUE_LIMIT_PER_INSTALL=10000",
	}
	log, err := s.command.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := s.command.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		var line struct{ Event, Public, Operations string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Event == "service_started" {
			s.public, s.ops = line.Public, line.Operations
			go func() { _, _ = io.Copy(io.Discard, log) }()
			return s, nil
		}
	}
	s.stop()
	return nil, errors.New("service exited before it logged service_started")
}

func (s *service) stop() {
	_ = s.command.Process.Signal(syscall.SIGTERM)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.command.Wait()
	}()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		_ = s.command.Process.Kill()
		<-ended
	}
}

// memory is what a process uses, in bytes.
type memory struct {
	resident, heap, stacks int64
	goroutines             int
}

// memory reads the values from the kernel and from the service's metrics. A value that is not
// available is 0.
func (s *service) memory() memory {
	var m memory
	answer, err := http.Get("http://" + s.ops + "/metrics")
	if err == nil {
		defer func() { _ = answer.Body.Close() }()
		text, _ := io.ReadAll(answer.Body)
		m.heap, m.stacks = series(text, "go_memstats_heap_inuse_bytes"),
			series(text, "go_memstats_stack_inuse_bytes")
		m.goroutines = int(series(text, "go_goroutines"))
	}
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.command.Process.Pid))
	for line := range strings.Lines(string(status)) {
		if text, found := strings.CutPrefix(line, "VmRSS:"); found {
			kibibytes, _ := strconv.ParseInt(strings.Fields(text)[0], 10, 64)
			m.resident = kibibytes << 10
		}
	}
	return m
}

func series(text []byte, name string) int64 {
	for line := range bytes.Lines(text) {
		if value, found := bytes.CutPrefix(line, []byte(name+" ")); found {
			number, _ := strconv.ParseFloat(strings.TrimSpace(string(value)), 64)
			return int64(number)
		}
	}
	return 0
}
