package wire_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

// The bounds on connections, with the built binary.

// patient returns timeouts that no test reaches, so that only a bound closes a connection.
func patient(more harness.Env) harness.Env {
	return harness.Production(harness.Env{"OFFLOAD_HTTP_READ_TIMEOUT_SECONDS": "3600",
		"OFFLOAD_HTTP_IDLE_TIMEOUT_SECONDS": "3600"}.With(more))
}

// health is a request, and halfOfHealth one that is never completed.
var (
	health       = harness.RawRequest("GET", "/v1/health", "")
	halfOfHealth = health[:10]
)

// served makes a request on conn and fails unless it is answered.
func served(t *testing.T, conn *harness.Conn, why string) {
	t.Helper()
	conn.Send(t, health)
	assert.Equal(t, http.StatusOK, conn.ReadResponse(t, http.MethodGet).Status, why)
}

// shed returns how many connections were closed because of a budget.
func shed(t *testing.T, service *harness.Process, budget string) float64 {
	t.Helper()
	return service.Metric(t, `offload_http_shed_total{budget="`+budget+`"}`)
}

func TestConnectionsBeyondTheBoundTakeThePlaceOfIdleOnes(t *testing.T) {
	t.Parallel()
	service := harness.Start(t, patient(harness.Env{"OFFLOAD_HTTP_MAX_CONNECTIONS": "4"}))
	var held []*harness.Conn
	for range 4 {
		conn := service.Dial(t)
		served(t, conn, "within the bound")
		held = append(held, conn)
	}
	assert.EqualValues(t, 4, service.Metric(t, "offload_http_connections"))
	next := service.Dial(t)
	served(t, next, "at once, not when another is closed")
	// Which one has been idle longest depends on when the service notes it, after the response;
	// package server tests the order.
	closed := 0
	for _, conn := range held {
		conn.Send(t, health)
		if _, err := conn.TryReadResponse(http.MethodGet); err != nil {
			closed++
		}
	}
	assert.Equal(t, 1, closed, "one made room, the others stay")
	served(t, next, "the new one stays")
	assert.EqualValues(t, 1, shed(t, service, "connections"))
	assert.EqualValues(t, 4, service.Metric(t, "offload_http_connections"))
	assert.Equal(t, "connections", service.Log.Await(t, "connections_refused").String("budget"))
	assert.Equal(t, http.StatusOK, service.Operations(t, "GET", "/readyz").Status,
		"the bound does not affect the operations listener")
}

func TestConnectionsBeyondTheBoundTakeThoseOfTheClientThatHasMost(t *testing.T) {
	t.Parallel()
	service := harness.Start(t, patient(harness.Env{"OFFLOAD_HTTP_MAX_CONNECTIONS": "4"}))
	var many []*harness.Conn
	few := service.From(t, "127.0.0.2").Dial(t)
	few.Send(t, halfOfHealth)
	for range 3 {
		conn := service.Dial(t)
		served(t, conn, "so that the next request is known to have begun only when it has")
		conn.Send(t, "POST "+harness.IssuePath+" HTTP/1.1\r\nHost: x\r\n"+
			"Content-Type: application/json\r\nContent-Length: 5\r\n\r\n{")
		many = append(many, conn)
	}
	service.AwaitInFlight(t, 3)
	served(t, service.From(t, "127.0.0.3").Dial(t), "a new client is served")
	many[0].ReadToEnd(t)
	few.Send(t, health[10:])
	assert.Equal(t, http.StatusOK, few.ReadResponse(t, http.MethodGet).Status, "the client that has few")
	for _, conn := range many[1:] {
		conn.Send(t, "}   ")
		assert.Equal(t, 422, conn.ReadResponse(t, http.MethodPost).Status)
	}
}

// TestConnectionsOfManyClientsAreServedBeyondTheBound checks that clients that try again are all
// served when there are more of them than connections.
func TestConnectionsOfManyClientsAreServedBeyondTheBound(t *testing.T) {
	t.Parallel()
	service := harness.Start(t, patient(harness.Env{"OFFLOAD_HTTP_MAX_CONNECTIONS": "16"}))
	var group sync.WaitGroup
	for n := range 48 {
		client := service.From(t, fmt.Sprintf("127.0.1.%d", n+1))
		group.Go(func() {
			for range 15 {
				for t.Context().Err() == nil { // which ends the clients of a test that has failed
					answer, err := client.Try("GET", "/v1/health", "",
						harness.Header{"Connection", "close"})
					if err == nil {
						assert.Equal(t, http.StatusOK, answer.Status)
						break
					}
				}
			}
		})
	}
	harness.Wait(t, "every client has been served", &group)
	service.RequireHealthy(t)
	assert.LessOrEqual(t, service.Metric(t, "offload_http_connections"), 16.0)
}

func TestConnectionsOfOneAddressAreBounded(t *testing.T) {
	t.Parallel()
	service := harness.Start(t, patient(harness.Env{
		"OFFLOAD_HTTP_MAX_CONNECTIONS_PER_ADDRESS": "2", "OFFLOAD_TRUSTED_PROXIES": "127.0.9.1"}))
	for _, series := range []string{"connections", "connections_per_address",
		"connections_per_network"} {
		assert.Zero(t, shed(t, service, series), "the series exists from the start")
	}
	refused := func(client *harness.Client, why string) {
		t.Helper()
		conn := client.Dial(t)
		assert.Empty(t, conn.ReadToEnd(t), why)
	}
	held := map[string][]*harness.Conn{}
	for host := range 4 {
		address := fmt.Sprintf("127.0.1.%d", host+1)
		client := service.From(t, address)
		for range 2 {
			conn := client.Dial(t)
			served(t, conn, address)
			held[address] = append(held[address], conn)
		}
		refused(client, "beyond two of one address")
	}
	assert.EqualValues(t, 4, shed(t, service, "connections_per_address"))
	assert.Equal(t, "connections_per_address",
		service.Log.Await(t, "connections_refused").String("budget"))
	refused(service.From(t, "127.0.1.9"), "beyond eight of one network")
	assert.EqualValues(t, 1, shed(t, service, "connections_per_network"))
	served(t, service.From(t, "127.0.2.1").Dial(t), "another network")
	proxy := service.From(t, "127.0.9.1")
	for range 20 {
		served(t, proxy.Dial(t), "a trusted proxy is exempt")
	}
	for address, conns := range held {
		for _, conn := range conns {
			served(t, conn, "an open connection stays")
		}
		require.NoError(t, conns[0].Close())
		client := service.From(t, address)
		harness.Poll(t, "a closed connection makes room for another", func() bool {
			conn := client.Dial(t)
			defer func() { _ = conn.Close() }()
			conn.Send(t, health)
			_, err := conn.TryReadResponse(http.MethodGet)
			return err == nil
		})
	}
	assert.NotContains(t, service.Log.Text(), "127.0.1.")
}

// TestConnectionsOfAnAnnouncedAddressAreBounded checks that the client counts that the PROXY header
// names, and that its bytes may arrive one by one.
func TestConnectionsOfAnAnnouncedAddressAreBounded(t *testing.T) {
	t.Parallel()
	service := harness.Start(t, patient(harness.Env{"OFFLOAD_PROXY_PROTOCOL": "true",
		"OFFLOAD_TRUSTED_PROXIES":                  "127.0.0.1",
		"OFFLOAD_HTTP_MAX_CONNECTIONS_PER_ADDRESS": "2"}))
	announced := func(client string) *harness.Conn {
		conn := service.Dial(t)
		for _, letter := range strings.Split("PROXY TCP4 "+client+" 192.0.2.1 4711 443\r\n", "") {
			conn.SendProxyHeader(t, letter)
			time.Sleep(time.Millisecond) // so that most bytes make a segment of their own
		}
		return conn
	}
	for _, client := range []string{"198.51.100.7", "198.51.100.8"} {
		for range 2 {
			served(t, announced(client), client)
		}
		assert.Empty(t, announced(client).ReadToEnd(t), client)
	}
	assert.EqualValues(t, 2, shed(t, service, "connections_per_address"))
}

// TestConnectionsLeaveDescriptorsForTheRest checks that, with few file descriptors, silent
// connections neither stop probes nor new clients.
func TestConnectionsLeaveDescriptorsForTheRest(t *testing.T) {
	t.Parallel()
	const descriptors, silent = 1024, 1100
	service := harness.StartWithFiles(t, descriptors, patient(nil))
	warning := service.Log.Await(t, "configuration_warning")
	assert.Equal(t, "OFFLOAD_HTTP_MAX_CONNECTIONS", warning.String("variable"))
	assert.Contains(t, warning.String("problem"), "960")
	assert.Contains(t, warning.String("remedy"), "20064")
	for n := range silent {
		service.Dial(t)
		if n%100 == 0 {
			assert.Equal(t, http.StatusOK, service.Operations(t, "GET", "/livez").Status)
		}
	}
	for range 20 { // more than the reserve would take if each kept a descriptor
		assert.Equal(t, http.StatusOK, service.Operations(t, "GET", "/livez").Status)
	}
	served(t, service.Dial(t), "a new client takes the place of a silent one")
	assert.LessOrEqual(t, service.Metric(t, "offload_http_connections"), float64(descriptors-64))
	assert.GreaterOrEqual(t, shed(t, service, "connections"), float64(silent-(descriptors-64)))
	assert.Empty(t, service.Log.Of("http_server_complaint"), "no descriptor was missing")
	assert.Zero(t, service.Stop(t))
}

func TestHeaderBytesAreBounded(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{4096, 16384, 65536} {
		env := harness.Production(nil)
		if limit != 16384 {
			env["OFFLOAD_HTTP_MAX_HEADER_BYTES"] = fmt.Sprint(limit)
		}
		service := harness.Start(t, env)
		ask := func(size int) int {
			padding := "X-Padding: "
			bare := len(harness.RawRequest("GET", "/v1/health", "", padding))
			return service.Exchange(t, "GET", harness.RawRequest("GET", "/v1/health", "",
				padding+strings.Repeat("x", size-bare))).Status
		}
		assert.Equal(t, http.StatusOK, ask(limit), "%d", limit)
		assert.Equal(t, http.StatusRequestHeaderFieldsTooLarge, ask(limit+64), "%d", limit)
	}
}
