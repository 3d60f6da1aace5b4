package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"regexp"
	"strconv"
	"time"

	"github.com/offload/sessiond/test/bench/rig"
)

// ownFigures returns the rows that no other implementation stands beside: the time from the start
// of the process to its first answer, and its resident memory.
func ownFigures(binary string) ([]rig.Row, error) {
	started, err := startTimes(binary)
	if err != nil {
		return nil, err
	}
	rows := []rig.Row{{What: "start to first answer", Beside: "–", Value: rig.Median(started),
		Unit: rig.Milliseconds, Reach: 20, Stretch: 12}}
	memory, err := memoryRows(binary)
	return append(rows, memory...), err
}

// startTimes returns how many milliseconds the service took to its first answer, over many starts.
func startTimes(binary string) (times []float64, err error) {
	for range 21 {
		address, err := freeAddress()
		if err != nil {
			return nil, err
		}
		command := exec.Command(binary)
		command.Env = []string{"OFFLOAD_ENVIRONMENT=development", "OFFLOAD_HTTP_ADDR=" + address,
			"OFFLOAD_OPS_ADDR="}
		began := time.Now()
		if err := command.Start(); err != nil {
			return nil, err
		}
		r := &running{Cmd: command, public: address}
		for {
			answer, err := http.Get("http://" + address + "/v1/health")
			if err == nil {
				_ = answer.Body.Close()
				break
			}
			if time.Since(began) > patience {
				r.stop()
				return nil, err
			}
			time.Sleep(100 * time.Microsecond)
		}
		times = append(times, float64(time.Since(began).Microseconds())/1000)
		r.stop()
	}
	return times, nil
}

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String(), nil
}

// subjects are those of the memory row.
const subjects = 1_000_000

// memoryRows returns the resident memory of a service without requests, and of one that counts many
// subjects.
func memoryRows(binary string) ([]rig.Row, error) {
	service, err := startService(binary, "OFFLOAD_SESSION_ISSUE_LIMIT_WINDOW_SECONDS=86400",
		"OFFLOAD_TRUSTED_PROXIES=127.0.0.1", "OFFLOAD_LIMITER_MAX_SUBJECTS=4000000")
	if err != nil {
		return nil, err
	}
	defer service.stop()
	time.Sleep(2 * time.Second)
	idle, err := resident(service.Process.Pid)
	if err != nil {
		return nil, err
	}
	fill := load{script: "new.lua", body: true, status: "2"}
	for counted := 0; counted < subjects; {
		if _, err := wrk("http://"+service.public+"/v1/sessions/anonymous", fill, 32,
			""); err != nil {
			return nil, err
		}
		if counted, err = countSubjects(service.ops); err != nil {
			return nil, err
		}
	}
	filled, err := settled(service.Process.Pid)
	return []rig.Row{
		{What: "resident memory, idle", Beside: "–", Value: idle, Unit: rig.Mebibytes, Reach: 22,
			Stretch: 18},
		{What: "resident memory with 10⁶ subjects", Beside: "–", Value: filled,
			Unit: rig.Mebibytes, Reach: 140, Stretch: 110},
	}, err
}

// settled returns the resident memory once it no longer falls: the runtime gives memory back to the
// system for a while after a load.
func settled(pid int) (float64, error) {
	last, err := resident(pid)
	for range 60 {
		time.Sleep(5 * time.Second)
		now, failed := resident(pid)
		if failed != nil || now > last-0.5 {
			return now, failed
		}
		last = now
	}
	return last, err
}

var subjectsSeries = regexp.MustCompile(`(?m)^offload_limiter_subjects\{storage="memory"\} (\S+)$`)

func countSubjects(ops string) (int, error) {
	answer, err := http.Get("http://" + ops + "/metrics")
	if err != nil {
		return 0, err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err
	}
	found := subjectsSeries.FindSubmatch(text)
	if found == nil {
		return 0, fmt.Errorf("no series of subjects in %d bytes of metrics", len(text))
	}
	count, err := strconv.ParseFloat(string(found[1]), 64)
	return int(count), err
}
