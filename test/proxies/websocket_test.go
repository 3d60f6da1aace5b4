package proxies_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/proxy"
)

// TestWebSocketsEnd shows the settings that bound a WebSocket, with a shorter duration than the
// example's or the one in the documentation. The connection is never silent.
func TestWebSocketsEnd(t *testing.T) {
	t.Parallel()
	for _, bounded := range []product{
		{name: "envoy", start: func(t testing.TB, sessiond, application string) *proxy.Server {
			return startEnvoyWith(t, replacedOnce(t, deployed(t, "envoy/envoy.yaml"),
				"max_stream_duration: 3600s", "max_stream_duration: 1s"), sessiond, application)
		}},
		{name: "newer caddy", start: func(t testing.TB, sessiond, application string) *proxy.Server {
			example := caddyExample(t, sessiond, application)
			return proxy.StartNewCaddy(t, "127.0.0.1", func(addr string) (string, []string) {
				text, env := example(addr)
				const last = "\n\t\t\treverse_proxy {$APPLICATION_ADDR:127.0.0.1:3000}"
				return replacedOnce(t, text, last, last+" {\nstream_timeout 1s\n}"), env
			})
		}},
	} {
		t.Run(bounded.name, func(t *testing.T) {
			t.Parallel()
			service := harness.Serve(t, harness.Env{"OFFLOAD_TRUSTED_PROXIES": "127.0.0.1"})
			token := service.Token(t, installation)
			server := bounded.start(t, service.Public, startEcho(t))
			conn, err := net.DialTimeout("tcp", server.Addr, harness.Timeout)
			require.NoError(t, err)
			defer func() { _ = conn.Close() }()
			require.NoError(t, conn.SetDeadline(time.Now().Add(harness.Timeout)))
			_, err = io.WriteString(conn, request("GET", "/app/x", "",
				append([]string{"Authorization: Bearer " + token, "Upgrade: websocket"},
					handshake...)...))
			require.NoError(t, err)
			reader := bufio.NewReader(conn)
			answer, err := http.ReadResponse(reader, nil)
			require.NoError(t, err)
			require.Equal(t, http.StatusSwitchingProtocols, answer.StatusCode)
			echoes := 0
			for err == nil {
				if _, err = io.WriteString(conn, "over and over\n"); err == nil {
					_, err = reader.ReadString('\n')
					echoes++
				}
			}
			assert.NotZero(t, echoes)
			assert.NotErrorIs(t, err, os.ErrDeadlineExceeded, "still open after %s",
				harness.Timeout)
		})
	}
}

// replacedOnce returns text with the only occurrence of one string replaced by another.
func replacedOnce(t testing.TB, text, old, with string) string {
	t.Helper()
	require.Equal(t, 1, strings.Count(text, old), "%s", old)
	return strings.Replace(text, old, with, 1)
}

// startEcho starts an application that accepts an upgrade and then echoes every byte. It returns
// its address.
func startEcho(t testing.TB) string {
	t.Helper()
	return startUpstream(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer func() { _ = conn.Close() }()
		_, _ = io.WriteString(conn, switching)
		_, _ = io.Copy(conn, buffered)
	}).addr()
}
