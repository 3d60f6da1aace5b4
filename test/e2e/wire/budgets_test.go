package wire_test

import (
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

// These tests hold the bounds on what the requests of all connections take together.

// maxGrowth is how much resident memory a flood may take, in bytes.
const maxGrowth = 256 << 20

// windowless is an HTTP/2 setting: no stream gets a window, so that no body can be sent.
var windowless = frame(frameSettings, 0, 0, "\x00\x04"+number(0))

// h2Document returns the fields of a request for the API description.
func h2Document() string {
	return fields(":method", "GET", ":scheme", "http", ":path", "/openapi.json", ":authority", "x")
}

// TestFloodsOfStreamsTakeBoundedMemory opens streams on many connections, more than each may have
// and more in all than may wait. Their clients then do nothing more.
func TestFloodsOfStreamsTakeBoundedMemory(t *testing.T) {
	const streams = 40
	for name, flood := range map[string]struct {
		connections int
		flags       byte
		fields      string
	}{
		"responses that are not read": {1500, endHeaders | endStream, h2Document()},
		"bodies that never arrive":    {1500, endHeaders, h2Post()},
	} {
		t.Run(name, func(t *testing.T) {
			service := shortTimeouts(t, nil)
			before := service.Metric(t, "process_resident_memory_bytes")
			sent := strings.Builder{}
			sent.WriteString(hello + windowless)
			for n := range uint32(streams) {
				sent.WriteString(frame(frameHeaders, flood.flags, 2*n+1, flood.fields))
			}
			var conns []*harness.Conn
			for range flood.connections {
				conn := service.Dial(t)
				conn.Send(t, sent.String())
				conns = append(conns, conn)
			}
			highest := 0.0
			harness.Poll(t, "most requests were reset", func() bool {
				highest = max(highest, service.Metric(t, "process_resident_memory_bytes"))
				return service.Metric(t, `offload_http_shed_total{budget="waiting"}`) > 0 &&
					service.Metric(t, "offload_http_requests_in_flight") < 5000
			})
			t.Logf("resident memory grew by %.0f MiB", (highest-before)/(1<<20))
			assert.Less(t, highest-before, float64(maxGrowth))
			service.RequireHealthy(t)
			var closing sync.WaitGroup
			for _, conn := range conns {
				closing.Go(func() { _ = conn.Close() })
			}
			harness.Wait(t, "the connections are closed", &closing)
		})
	}
}

// TestUnreadResponseIsResetOverHTTP2 checks that a response gets ten seconds, whatever the other
// timeouts are.
func TestUnreadResponseIsResetOverHTTP2(t *testing.T) {
	t.Parallel()
	service := harness.Start(t, harness.Production(harness.Env{
		"OFFLOAD_HTTP_READ_TIMEOUT_SECONDS": "3600"}))
	conn := service.Dial(t)
	start := time.Now()
	conn.Send(t, hello+windowless+frame(frameHeaders, endHeaders|endStream, 1, h2Document()))
	for word := ""; word != "reset 2"; {
		kind, payload, err := readFrame(conn)
		require.NoError(t, err)
		require.NotEqual(t, byte(frameData), kind)
		word = wordFor(kind, payload)
	}
	assert.GreaterOrEqual(t, time.Since(start), 10*time.Second)
	assert.EqualValues(t, 1, service.Metric(t, `offload_http_shed_total{budget="unread"}`))
	assert.Equal(t, "unread", service.Log.Await(t, "requests_shed").String("budget"))
	// the connection is still good
	conn.Send(t, frame(frameSettings, 0, 0, "\x00\x04"+number(1<<16))+
		frame(frameHeaders, endHeaders|endStream, 3, h2Get()))
	for word := ""; word != "200"; {
		kind, payload, err := readFrame(conn)
		require.NoError(t, err)
		word = wordFor(kind, payload)
	}
}

// TestUnreadResponsesCloseHTTP1 has a client pipeline requests and read no response. Only the long
// ones are counted: net/http sends short ones when the handler has returned.
func TestUnreadResponsesCloseHTTP1(t *testing.T) {
	t.Parallel()
	for path, counted := range map[string]int{"/openapi.json": 1, "/v1/health": 0} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			service := harness.Start(t, harness.Production(harness.Env{
				"OFFLOAD_HTTP_READ_TIMEOUT_SECONDS": "3600"}))
			conn := service.Dial(t)
			sent := make(chan error, 1)
			go func() {
				requests := []byte(strings.Repeat("GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n", 1000))
				for {
					if _, err := conn.Write(requests); err != nil {
						sent <- err
						return
					}
				}
			}()
			err := harness.Receive(t, "the connection is closed", sent)
			assert.NotErrorIs(t, err, os.ErrDeadlineExceeded)
			assert.EqualValues(t, counted,
				service.Metric(t, `offload_http_shed_total{budget="unread"}`))
			service.RequireHealthy(t)
		})
	}
}
