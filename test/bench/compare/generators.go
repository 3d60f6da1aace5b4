package main

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
)

var (
	//go:embed load/new.lua
	newLua []byte
	//go:embed load/same.lua
	sameLua []byte
)

var (
	wrkAnswered = regexp.MustCompile(`(\d+) requests in `)
	wrkFailed   = regexp.MustCompile(`Non-2xx or 3xx responses: (\d+)`)
	h2Statuses  = regexp.MustCompile(`status codes: (\d+) 2xx, \d+ 3xx, (\d+) 4xx, (\d+) 5xx`)
)

// wrk sends the load with wrk, and returns how many requests were answered. It fails if one had
// another status than the load expects.
func wrk(url string, l load, connections int, token string) (int, error) {
	arguments := []string{"-t1", fmt.Sprint("-c", connections), "-d" + turnOfService.String()}
	if l.script != "" {
		file, err := scriptFile(l.script)
		if err != nil {
			return 0, err
		}
		defer func() { _ = os.Remove(file) }()
		arguments = append(arguments, "-s", file)
	}
	if !l.body {
		arguments = append(arguments, "-H", "Authorization: Bearer "+token)
	}
	output, err := exec.Command("wrk", append(arguments, url)...).CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("wrk: %w: %s", err, output)
	}
	answered, failed := number(wrkAnswered, output), number(wrkFailed, output)
	if expected := l.status == "2"; answered == 0 || expected && failed > 0 ||
		!expected && answered-failed > refusedAfter {
		return 0, fmt.Errorf("of %d answers, %d had another status than 2xx or 3xx", answered,
			failed)
	}
	return answered, nil
}

// refusedAfter is how many requests of a flood are answered with a session, at most.
const refusedAfter = 10

func scriptFile(name string) (string, error) {
	content := map[string][]byte{"new.lua": newLua, "same.lua": sameLua}[name]
	file, err := os.CreateTemp("", "*.lua")
	if err != nil {
		return "", err
	}
	_, err = file.Write(content)
	if closed := file.Close(); err == nil {
		err = closed
	}
	return file.Name(), err
}

// generators is how many processes of h2load send at once. Each is an installation and an address
// of its own, because h2load repeats one request: the limits of the service are the largest ones.
const generators = 4

// h2load sends the load with h2load, and returns how many requests were answered.
func h2load(url string, l load, token, folder string) (int, error) {
	var (
		group sync.WaitGroup
		total [generators]int
		fails [generators]error
	)
	for i := range generators {
		group.Go(func() { total[i], fails[i] = h2loadOne(url, l, token, folder, i) })
	}
	group.Wait()
	sum := 0
	for i := range generators {
		if fails[i] != nil {
			return 0, fails[i]
		}
		sum += total[i]
	}
	return sum, nil
}

func h2loadOne(url string, l load, token, folder string, i int) (int, error) {
	arguments := []string{"-D", strconv.Itoa(int(turnOfService.Seconds())), "-t1", "-c8", "-m4"}
	if l.body {
		file := filepath.Join(folder, "body"+strconv.Itoa(i))
		body := fmt.Sprintf(`{"install_id":"install-%d","app_version":"1.0","platform":"ios"}`, i)
		if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
			return 0, err
		}
		arguments = append(arguments, "-d", file, "-H", "Content-Type: application/json",
			"-H", fmt.Sprintf("X-Forwarded-For: 203.0.%d.1", i))
	} else {
		arguments = append(arguments, "-H", "Authorization: Bearer "+token)
	}
	output, err := exec.Command("h2load", append(arguments, url)...).CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("h2load: %w: %s", err, output)
	}
	statuses := h2Statuses.FindSubmatch(output)
	if statuses == nil {
		return 0, fmt.Errorf("h2load: %s", output)
	}
	ok, refused, failed := atoi(statuses[1]), atoi(statuses[2]), atoi(statuses[3])
	if failed > 0 || l.status == "2" && refused > 0 || l.status == "4" && ok > refusedAfter {
		return 0, fmt.Errorf("%d answers 2xx, %d 4xx, %d 5xx", ok, refused, failed)
	}
	return ok + refused, nil
}

func number(pattern *regexp.Regexp, output []byte) int {
	found := pattern.FindSubmatch(output)
	if found == nil {
		return 0
	}
	return atoi(found[1])
}

func atoi(digits []byte) int {
	n, _ := strconv.Atoi(string(digits)) // the pattern has digits only
	return n
}
