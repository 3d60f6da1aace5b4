package lifecycle_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/test/harness"
)

// The life cycle of the built binary: how it stops.

// TestLifeStoppedUnderLoadLosesNothing stops the service under load: requests in flight get
// complete responses, and later connections are refused.
func TestLifeStoppedUnderLoadLosesNothing(t *testing.T) {
	t.Parallel()
	service := harness.Start(t, harness.Production(harness.Env{
		"OFFLOAD_LOG_LEVEL": "debug", "OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP": "10000", "OFFLOAD_SESSION_ISSUE_LIMIT_PER_NETWORK": "0",
		"OFFLOAD_SHUTDOWN_GRACE_SECONDS":    "60",
		"OFFLOAD_HTTP_READ_TIMEOUT_SECONDS": "60",
	}))
	// Some clients have sent half of their body when the signal arrives.
	var halves []*harness.Conn
	whole := harness.RawIssue(harness.IssueBody("install-half"), "Connection: close")
	const half = 20
	for range 4 {
		conn := service.Dial(t)
		conn.Send(t, whole[:len(whole)-half])
		halves = append(halves, conn)
	}
	service.AwaitInFlight(t, len(halves))

	// Others send requests as fast as they can.
	const clients = 16
	received := make([][]string, clients)
	ends := make([]error, clients)
	busy := make(chan struct{}, 10*clients)
	var group sync.WaitGroup
	for n := range clients {
		group.Go(func() {
			for round := 0; ; round++ {
				requestID := fmt.Sprintf("client-%d-%d", n, round)
				answer, err := service.Try("POST", harness.IssuePath, harness.IssueBody(requestID),
					harness.Header{"X-Request-ID", requestID},
					harness.Header{"Content-Type", "application/json"})
				if err != nil {
					ends[n] = err
					return
				}
				if answer.Status != http.StatusOK && answer.Status != http.StatusTooManyRequests {
					ends[n] = fmt.Errorf("status %d", answer.Status)
					return
				}
				received[n] = append(received[n], requestID)
				select {
				case busy <- struct{}{}:
				default:
				}
			}
		})
	}
	for range 5 * clients {
		harness.Receive(t, "the clients receive responses", busy)
	}
	service.Terminate(t)
	harness.Wait(t, "every client has been refused", &group)
	for n := range clients {
		assert.ErrorIs(t, ends[n], syscall.ECONNREFUSED,
			"a client must get a response or be refused the connection")
	}
	for _, conn := range halves {
		conn.Send(t, whole[len(whole)-half:])
		conn.ReadResponse(t, http.MethodPost).Session(t)
	}
	assert.Zero(t, service.Wait(t))

	// Every request that was served according to the log has reached its client.
	got := map[string]bool{}
	for _, requestID := range slices.Concat(received...) {
		got[requestID] = true
	}
	served := 0
	for _, line := range service.Log.Of("http_request") {
		if requestID := line.String("request_id"); strings.HasPrefix(requestID, "client-") {
			served++
			assert.True(t, got[requestID], "%s was served, but the response was lost", requestID)
		}
	}
	assert.Positive(t, served)
	lines := service.Log.Lines()
	last := lines[len(lines)-1]
	assert.Equal(t, "service_stopped", last.Event())
	assert.Equal(t, false, last.Fields["requests_broken_off"])
}

// awaitClosed waits until the public listener is closed.
func awaitClosed(t *testing.T, client *harness.Client) {
	t.Helper()
	harness.Poll(t, "the public listener is closed", func() bool {
		conn, err := net.Dial("tcp", client.Public)
		if err == nil {
			_ = conn.Close()
		}
		return errors.Is(err, syscall.ECONNREFUSED)
	})
}

// TestLifeOperationsOutliveThePublicListener shows that readiness reports the stop to a balancer as
// long as a request is in flight.
func TestLifeOperationsOutliveThePublicListener(t *testing.T) {
	t.Parallel()
	for name, signal := range map[string]syscall.Signal{"SIGTERM": syscall.SIGTERM,
		"SIGINT": syscall.SIGINT} {
		t.Run(name, func(t *testing.T) {
			service := harness.Start(t, harness.Production(
				harness.Env{"OFFLOAD_SHUTDOWN_GRACE_SECONDS": "3600",
					"OFFLOAD_HTTP_READ_TIMEOUT_SECONDS": "3600"}))
			conn := service.Dial(t)
			whole := harness.RawIssue(harness.IssueBody("install-12345"))
			conn.Send(t, whole[:len(whole)-1])
			service.AwaitInFlight(t, 1)
			service.Signal(t, signal)
			awaitClosed(t, service.Client)
			ready := service.Operations(t, "GET", "/readyz")
			assert.Equal(t, http.StatusServiceUnavailable, ready.Status)
			assert.JSONEq(t,
				`{"status":"unready","checks":{"keys":{"status":"ready","detail":""},"service":{"status":"unready","detail":"stopping"}}}`, ready.Body)
			assert.Equal(t, http.StatusOK, service.Operations(t, "GET", "/livez").Status)
			assert.Equal(t, http.StatusOK, service.Operations(t, "GET", "/metrics").Status)
			assert.Empty(t, service.Log.Of("service_stopped"))

			conn.Send(t, whole[len(whole)-1:])
			conn.ReadResponse(t, http.MethodPost).Session(t)
			assert.Zero(t, service.Wait(t))
			assert.Equal(t, false, service.Log.Await(t,
				"service_stopped").Fields["requests_broken_off"])
		})
	}
}

// TestLifeDelayThenASecondSignal shows that the service fails its readiness and still serves
// during the shutdown delay, and that a second signal ends it.
func TestLifeDelayThenASecondSignal(t *testing.T) {
	t.Parallel()
	service := harness.Start(t, harness.Production(
		harness.Env{"OFFLOAD_SHUTDOWN_DELAY_SECONDS": "3600"}))
	token := service.Token(t, "install-12345")
	service.Terminate(t)
	service.Log.Await(t, "service_stopping")
	assert.Equal(t, http.StatusServiceUnavailable, service.Operations(t, "GET", "/readyz").Status)
	assert.Equal(t, http.StatusOK, service.Current(t, harness.Bearer(token)).Status)
	harness.AssertGranted(t, service.From(t, "127.0.0.2").Issue(t, "install-67890"),
		"on a new connection too")
	assert.False(t, service.Ended())

	service.Terminate(t)
	assert.Equal(t, 1, service.Wait(t))
	assert.Empty(t, service.Log.Of("service_stopped"))
}

func TestLifeASecondSignalEndsTheGrace(t *testing.T) {
	t.Parallel()
	service := harness.Start(t, harness.Production(
		harness.Env{"OFFLOAD_SHUTDOWN_GRACE_SECONDS": "3600",
			"OFFLOAD_HTTP_READ_TIMEOUT_SECONDS": "3600"}))
	conn := service.Dial(t)
	conn.Send(t, harness.RawRequest("POST", harness.IssuePath, "", "Content-Length: 100"))
	service.AwaitInFlight(t, 1)
	service.Terminate(t)
	awaitClosed(t, service.Client)
	assert.False(t, service.Ended())
	service.Signal(t, syscall.SIGINT)
	assert.Equal(t, 1, service.Wait(t))
}

// TestLifeWithoutGrace shows that requests still in flight at the end of the grace are broken off,
// and that the log says so.
func TestLifeWithoutGrace(t *testing.T) {
	t.Parallel()
	service := harness.Start(t, harness.Production(
		harness.Env{"OFFLOAD_SHUTDOWN_GRACE_SECONDS": "0",
			"OFFLOAD_HTTP_READ_TIMEOUT_SECONDS": "3600"}))
	conn := service.Dial(t)
	conn.Send(t, harness.RawRequest("POST", harness.IssuePath, "", "Content-Length: 100"))
	service.AwaitInFlight(t, 1)
	assert.Zero(t, service.Stop(t))
	assert.Empty(t, conn.ReadToEnd(t))
	assert.Equal(t, true, service.Log.Await(t, "service_stopped").Fields["requests_broken_off"])
}
