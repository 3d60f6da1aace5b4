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
	service, err := startService(binary, append(slices.Clone(trusted),
		"OFFLOAD_LIMITER_MAX_SUBJECTS=4000000")...)
	if err != nil {
		return nil, err
	}
	defer service.stop()
	base := "http://" + service.public
	token, err := issue(base)
	if err != nil {
		return nil, err
	}
	var rows []rig.Row
	for _, one := range []struct {
		name     string
		requests vegeta.Targeter
	}{
		{"`GET /v1/sessions/current`", current(base, token)},
		{"`POST /v1/sessions/anonymous`", newcomers(base)},
	} {
		measured, err := tailOf(one.name, base, one.requests)
		if err != nil {
			return nil, err
		}
		rows = append(rows, measured...)
	}
	return rows, nil
}

// tailOf returns the rows of one kind of request: alone, and beside two floods.
func tailOf(name, base string, requests vegeta.Targeter) (rows []rig.Row, err error) {
	capacity, err := capacityOf(requests)
	if err != nil {
		return nil, err
	}
	half, quarter := perSecond(capacity/2), perSecond(capacity/4)
	for _, beside := range []struct {
		name  string
		flood vegeta.Targeter
	}{
		{"alone", nil},
		{"beside half as many refused requests from one address", same(base)},
		{"beside half as many malformed requests", malformed(base)},
	} {
		over := make(chan struct{})
		attacker := vegeta.NewAttacker(vegeta.MaxWorkers(tailWorkers))
		go func() {
			defer close(over)
			if beside.flood != nil {
				for range attacker.Attack(beside.flood, quarter, 2*tailFor, "flood") {
				}
			}
		}()
		latencies, err := latenciesOf(requests, half, tailFor)
		attacker.Stop()
		<-over
		if err != nil {
			return nil, fmt.Errorf("%s, %s: %w", name, beside.name, err)
		}
		rows = append(rows, rig.Row{
			What: "p99 of " + name + " at half of the capacity, open loop", Beside: beside.name,
			Value: milliseconds(latencies.P99), Unit: rig.Milliseconds,
			Figures: []rig.Figure{
				{Name: "requests a second", Value: float64(half.Freq), Unit: rig.PerSecond},
				{Name: "p50", Value: milliseconds(latencies.P50), Unit: rig.Milliseconds},
				{Name: "p99.9", Value: milliseconds(latencies.Quantile(.999)),
					Unit: rig.Milliseconds},
			}})
	}
	return rows, nil
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

// newcomers asks for sessions of new installations, each at a new address.
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
