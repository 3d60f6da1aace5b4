package lifecycle_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

// issueAt requests a session through a Unix socket and returns the status.
func issueAt(t *testing.T, path, install, forwarded string) int {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _,
		_ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}
	request, err := http.NewRequest(http.MethodPost, "http://proxy/v1/sessions/anonymous",
		strings.NewReader(`{"install_id":"`+install+`","app_version":"1","platform":"ios"}`))
	require.NoError(t, err)
	if forwarded != "" {
		request.Header.Set("X-Forwarded-For", forwarded)
	}
	client := http.Client{Transport: transport, Timeout: harness.Timeout}
	response, err := client.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode
}

// TestSocket serves on a Unix socket, as for a proxy on the same host.
func TestSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "http.sock")
	env := harness.Production(harness.Env{"OFFLOAD_HTTP_ADDR": "unix:" + path,
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP": "2", "OFFLOAD_SESSION_ISSUE_LIMIT_PER_INSTALL": "9"})
	service := harness.Start(t, env)
	assert.Equal(t, "unix:"+path, service.Public)
	stat, err := os.Lstat(path)
	require.NoError(t, err)
	assert.Equal(t, os.ModeSocket|0o660, stat.Mode())

	// The proxy is trusted: each of its clients has a limit of its own.
	for client := range 3 {
		for attempt := range 3 {
			status := issueAt(t, path, "install-"+strconv.Itoa(client),
				"198.51.100.9, 203.0.113."+strconv.Itoa(client))
			assert.Equal(t, []int{200, 200, 429}[attempt], status, "client %d", client)
		}
	}
	// Without a usable header, they are one client.
	assert.Equal(t, 200, issueAt(t, path, "install-a", ""))
	assert.Equal(t, 200, issueAt(t, path, "install-b", "unknown"))
	assert.Equal(t, 429, issueAt(t, path, "install-c", ""))

	// A second process does not take its place, nor does the file of one that was killed.
	second := harness.Run(t, env)
	assert.Equal(t, 1, second.Status)
	assert.Contains(t, second.Output, "OFFLOAD_HTTP_ADDR: cannot listen: another process listens on "+
		path)
	assert.Equal(t, 200, issueAt(t, path, "install-d", "203.0.113.77"))
	service.Kill()
	service.Wait(t)
	assert.FileExists(t, path)
	next := harness.Start(t, env)
	assert.Equal(t, 200, issueAt(t, path, "install-e", "203.0.113.78"))
	assert.Zero(t, next.Stop(t))
	assert.NoFileExists(t, path)
}

// TestSocketWithoutEnvironment requires production's rules where only a proxy can connect.
func TestSocketWithoutEnvironment(t *testing.T) {
	exit := harness.Run(t, harness.Env{"OFFLOAD_ENVIRONMENT": "",
		"OFFLOAD_HTTP_ADDR":      "unix:" + filepath.Join(t.TempDir(), "http.sock"),
		"OFFLOAD_SESSION_SECRET": "changeme"})
	assert.Equal(t, 1, exit.Status)
	assert.Contains(t, exit.Output, "OFFLOAD_HTTP_ADDR is a Unix socket, which is for a proxy")
}

// TestSocketWithProxyProtocol requires the header of whatever connects through the socket.
func TestSocketWithProxyProtocol(t *testing.T) {
	path := filepath.Join(t.TempDir(), "http.sock")
	service := harness.Start(t, harness.Production(harness.Env{"OFFLOAD_HTTP_ADDR": "unix:" + path,
		"OFFLOAD_PROXY_PROTOCOL": "true"}))
	for header, answer := range map[string]string{
		"PROXY TCP4 203.0.113.9 10.0.0.1 4567 80\r\n": "HTTP/1.1 200 OK",
		"": "",
	} {
		conn, err := net.Dial("unix", path)
		require.NoError(t, err)
		require.NoError(t, conn.SetDeadline(time.Now().Add(harness.Timeout)))
		_, err = io.WriteString(conn, header+"GET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n")
		require.NoError(t, err)
		line, _ := bufio.NewReader(conn).ReadString('\n')
		assert.Equal(t, answer, strings.TrimSpace(line), "%q", header)
		require.NoError(t, conn.Close())
	}
	assert.Zero(t, service.Stop(t))
}
