package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/offload/sessiond/test/bench/rig"
)

// load is requests that a load generator sends to one path.
type load struct {
	name           string
	reach, stretch float64
	path, bare     string // the path, and that of the bare server where it differs
	script         string // of wrk
	body           bool   // the request is one for a session
	status         string // the first digit of every answer
}

// The loads over HTTP/1. A flood from one address is refused after its first four requests.
var loads = []load{
	{name: "`GET /v1/sessions/current`", reach: .88, stretch: .95, path: "/v1/sessions/current",
		status: "2"},
	{name: "`POST /v1/sessions/anonymous`, each by a new installation and address", reach: .85,
		stretch: .93, path: "/v1/sessions/anonymous", script: "new.lua", body: true, status: "2"},
	{name: "a refused issuance (429), a flood from one address", reach: .85, stretch: .95,
		path: "/v1/sessions/anonymous", bare: "/refused", script: "same.lua", body: true,
		status: "4"},
}

// turnOfService is how long a load lasts, and roundsOfService how often it is sent at most.
const (
	turnOfService   = 2 * time.Second
	roundsOfService = 9
)

// service measures whole requests: the built binary, with its metrics on, beside a net/http server
// that has deadlines, reads as much and writes as much. The generator shares the processors.
func service(turns rig.Plan) ([]rig.Row, error) {
	folder, err := os.MkdirTemp("", "compare")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	binary := filepath.Join(folder, "sessiond")
	if err := build(binary); err != nil {
		return nil, err
	}
	rows, err := overHTTP1(binary, turns)
	if err != nil {
		return nil, err
	}
	secured, err := overHTTP2(binary, folder, turns)
	if err != nil {
		return nil, err
	}
	own, err := ownFigures(binary)
	return append(append(rows, secured...), own...), err
}

// overHTTP1 returns the rows of wrk.
func overHTTP1(binary string, turns rig.Plan) (rows []rig.Row, err error) {
	pair, err := startPair(binary, "", "", trusted)
	if err != nil {
		return nil, err
	}
	defer pair.stop()
	for _, connections := range []int{32, 256} {
		for _, l := range loads {
			row, err := pair.contest(l, fmt.Sprintf("wrk, %d connections", connections), turns,
				func(url string) (int, error) {
					return wrk(url, l, connections, pair.token)
				})
			if err != nil {
				return nil, err
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// overHTTP2 returns the rows of h2load, over TLS.
func overHTTP2(binary, folder string, turns rig.Plan) (rows []rig.Row, err error) {
	certificate, key := filepath.Join(folder, "tls.crt"), filepath.Join(folder, "tls.key")
	if err := writeCertificate(certificate, key); err != nil {
		return nil, err
	}
	for _, l := range loads {
		l.reach, l.stretch = .85, .93
		// Addresses of clients are in a header only where they must differ: a trusted proxy has
		// more streams than a client, and is not paced.
		var variables []string
		if l.script == "new.lua" {
			variables = append(slices.Clone(trusted), "OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP=10000",
				"OFFLOAD_SESSION_ISSUE_LIMIT_PER_NETWORK=100000",
				"OFFLOAD_SESSION_ISSUE_LIMIT_PER_INSTALL=10000",
				"OFFLOAD_SESSION_ISSUE_LIMIT_WINDOW_SECONDS=1")
		}
		pair, err := startPair(binary, certificate, key, variables)
		if err != nil {
			return nil, err
		}
		row, err := pair.contest(l, "h2load over TLS with HTTP/2", turns,
			func(url string) (int, error) { return h2load(url, l, pair.token, folder) })
		pair.stop()
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// trusted makes the generators a trusted proxy.
var trusted = []string{"OFFLOAD_TRUSTED_PROXIES=127.0.0.1"}

// contest sends the load to both servers in turn. send returns how many requests were answered.
func (p *pair) contest(l load, by string, turns rig.Plan,
	send func(url string) (int, error)) (rig.Row, error) {
	own, bare := rig.Series{Name: "sessiond"}, rig.Series{Name: "net/http alone"}
	for range min(turns.Rounds, roundsOfService) {
		for series, url := range map[*rig.Series]string{
			&own: p.own + l.path, &bare: p.bare + l.barePath(),
		} {
			answered, err := send(url)
			if err != nil {
				return rig.Row{}, fmt.Errorf("%s, %s, %s: %w", l.name, by, series.Name, err)
			}
			series.Turns = append(series.Turns,
				testing.BenchmarkResult{N: answered, T: turnOfService})
		}
	}
	return rig.Row{What: l.name, Beside: "requests a second of net/http alone (" + by + ")",
		Value: bare.Over(own), Unit: rig.Times, AtLeast: true, Reach: l.reach,
		Stretch: l.stretch, Figures: rig.Figures(own, bare)}, nil
}

func (l load) barePath() string {
	if l.bare != "" {
		return l.bare
	}
	return l.path
}
