package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/offload/sessiond/test/bench/rig"
)

// How long the latencies of a load are measured. So many workers find the capacity and flood; the
// requests that are measured share so many connections, where they wait if the service is slow:
// more would reach the bound of the service.
const (
	tailFor         = 10 * time.Second
	tailWorkers     = 64
	tailConnections = 256
)

// tail measures latencies at half of the capacity, with an open loop: a request is sent at its
// time, whatever became of those before it, and its latency counts from that time. The generator
// shares the processors, and the capacity is what the service answers to it.
func tail(rig.Plan) ([]rig.Row, error) {
	folder, err := os.MkdirTemp("", "compare")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	binary := filepath.Join(folder, "sessiond")
	if err := build(binary); err != nil {
		return nil, err
	}
	servers, err := startPair(binary, "", "", slices.Clone(trusted))
	if err != nil {
		return nil, err
	}
	defer servers.stop()
	var rows []rig.Row
	for _, kind := range []tailLoad{
		{"`GET /v1/sessions/current`", func(base string) vegeta.Targeter {
			return current(base, servers.token)
		}},
		{"`POST /v1/sessions/anonymous`", newcomers},
	} {
		measured, err := tailOf(servers, kind)
		if err != nil {
			return nil, err
		}
		rows = append(rows, measured...)
	}
	return rows, nil
}

// tailLoad is one kind of request, to either server.
type tailLoad struct {
	name     string
	requests func(base string) vegeta.Targeter
}

// floods are what a load is measured beside. The bare server gives the refused request the same
// response, and takes the malformed one for any other.
var floods = []struct {
	name  string
	flood func(base string) vegeta.Targeter
}{
	{"alone", nil},
	{"beside half as many refused requests from one address", same},
	{"beside half as many malformed requests", malformed},
}

// tailOf returns the rows of one kind of request: beside each flood, the latency, and its ratio to
// that of the bare server at the same rates. Half of sessiond's capacity is less than half of the
// bare server's.
func tailOf(servers *pair, kind tailLoad) (rows []rig.Row, err error) {
	capacity, err := capacityOf(kind.requests(servers.own))
	if err != nil {
		return nil, err
	}
	for _, beside := range floods {
		var measured [2]vegeta.LatencyMetrics
		for i, base := range []string{servers.own, servers.bare} {
			var flood vegeta.Targeter
			if beside.flood != nil {
				flood = beside.flood(base)
			}
			measured[i], err = latenciesBeside(flood, kind.requests(base), capacity)
			if err != nil {
				return nil, fmt.Errorf("%s at %s, %s: %w", kind.name, base, beside.name, err)
			}
		}
		own, bare := &measured[0], &measured[1]
		figures := append(figuresOf("sessiond", own), figuresOf("net/http alone", bare)...)
		figures = append(figures, rig.Figure{Name: "requests a second",
			Value: float64(perSecond(capacity / 2).Freq), Unit: rig.PerSecond})
		what := "p99 of " + kind.name + " at half of the capacity, open loop, " + beside.name
		rows = append(rows,
			rig.Row{What: what, Beside: "–", Value: milliseconds(own.P99), Unit: rig.Milliseconds,
				Figures: figures},
			rig.Row{What: what, Beside: "net/http alone at the same rate", Unit: rig.Times,
				Value: float64(own.P99) / float64(bare.P99)})
	}
	return rows, nil
}

// latenciesBeside returns the latencies of requests at half of a capacity, while a flood, if there
// is one, takes another quarter of it.
func latenciesBeside(flood, requests vegeta.Targeter, capacity float64) (vegeta.LatencyMetrics,
	error) {
	over := make(chan struct{})
	attacker := vegeta.NewAttacker(vegeta.MaxWorkers(tailWorkers))
	go func() {
		defer close(over)
		if flood != nil {
			for range attacker.Attack(flood, perSecond(capacity/4), 2*tailFor, "flood") {
			}
		}
	}()
	latencies, err := latenciesOf(requests, perSecond(capacity/2), tailFor)
	attacker.Stop()
	<-over
	return latencies, err
}

func figuresOf(name string, latencies *vegeta.LatencyMetrics) []rig.Figure {
	return []rig.Figure{
		{Name: name + ": p50", Value: milliseconds(latencies.P50), Unit: rig.Milliseconds},
		{Name: name + ": p99", Value: milliseconds(latencies.P99), Unit: rig.Milliseconds},
		{Name: name + ": p99.9", Value: milliseconds(latencies.Quantile(.999)),
			Unit: rig.Milliseconds},
	}
}

// capacityOf returns how many requests a second are answered if each is sent at once when one of
// the workers is free.
func capacityOf(requests vegeta.Targeter) (float64, error) {
	var metrics vegeta.Metrics
	attacker := vegeta.NewAttacker(vegeta.MaxWorkers(tailWorkers), vegeta.Workers(tailWorkers))
	for result := range attacker.Attack(requests, vegeta.ConstantPacer{}, 3*time.Second, "") {
		metrics.Add(result)
	}
	metrics.Close()
	if metrics.Success < 1 {
		return 0, fmt.Errorf("statuses: %v", metrics.StatusCodes)
	}
	return metrics.Throughput, nil
}

// latenciesOf returns the latencies of requests at a rate. It fails if one is not answered with
// 200.
func latenciesOf(requests vegeta.Targeter, rate vegeta.Rate, length time.Duration) (
	vegeta.LatencyMetrics, error) {
	var metrics vegeta.Metrics
	attacker := vegeta.NewAttacker(vegeta.MaxConnections(tailConnections),
		vegeta.Connections(tailConnections))
	for result := range attacker.Attack(requests, rate, length, "") {
		metrics.Add(result)
	}
	metrics.Close()
	if metrics.Success < 1 {
		return metrics.Latencies, fmt.Errorf("statuses: %v, errors: %.300q", metrics.StatusCodes,
			metrics.Errors)
	}
	return metrics.Latencies, nil
}

func perSecond(frequency float64) vegeta.Rate {
	return vegeta.Rate{Freq: max(int(frequency), 1), Per: time.Second}
}

// The requests of each kind.

func current(base, token string) vegeta.Targeter {
	return vegeta.NewStaticTargeter(vegeta.Target{Method: http.MethodGet,
		URL:    base + "/v1/sessions/current",
		Header: http.Header{"Authorization": {"Bearer " + token}}})
}

// newcomers requests sessions for new installations, each from a new address.
func newcomers(base string) vegeta.Targeter {
	var count atomic.Uint32
	return func(target *vegeta.Target) error {
		n := count.Add(1)
		*target = vegeta.Target{Method: http.MethodPost, URL: base + "/v1/sessions/anonymous",
			Body: fmt.Appendf(nil,
				`{"install_id":"install-%d","app_version":"1.0","platform":"ios"}`, n),
			Header: http.Header{"Content-Type": {"application/json"}, "X-Forwarded-For": {
				fmt.Sprintf("%d.%d.%d.%d", 20+n>>24, n>>16&0xff, n>>8&0xff, n&0xff)}}}
		return nil
	}
}

func same(base string) vegeta.Targeter {
	return post(base, `{"install_id":"install-of-flood","app_version":"1.0","platform":"ios"}`)
}

func malformed(base string) vegeta.Targeter {
	return post(base, `{"install_id":["install-12345"],"app_version":`)
}

func post(base, body string) vegeta.Targeter {
	return vegeta.NewStaticTargeter(vegeta.Target{Method: http.MethodPost,
		URL: base + "/v1/sessions/anonymous", Body: []byte(body),
		Header: http.Header{"Content-Type": {"application/json"}}})
}
