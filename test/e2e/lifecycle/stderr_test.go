package lifecycle_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

// startedLine is the line that a service logs when it serves.
type startedLine struct{ Event, Public, Operations string }

// startPiped starts a service whose log is a pipe, reads it until the service serves, and returns
// that line and the reading end, from which nothing else is read. The service is killed when the
// test ends.
func startPiped(t *testing.T, service *exec.Cmd) (startedLine, *os.File) {
	t.Helper()
	read, write, err := os.Pipe()
	require.NoError(t, err)
	service.Stderr = write
	require.NoError(t, service.Start())
	t.Cleanup(func() { _ = service.Process.Kill() })
	require.NoError(t, write.Close())
	require.NoError(t, read.SetReadDeadline(time.Now().Add(harness.Timeout)))
	var started startedLine
	for lines := bufio.NewReaderSize(read, 16); started.Event != "service_started"; {
		line, err := lines.ReadBytes('\n')
		require.NoError(t, err, "waiting until the service serves")
		require.NoError(t, json.Unmarshal(line, &started))
	}
	return started, read
}

// TestAStalledLogReaderDoesNotBlockTheService shows that the service serves and stops while its
// standard error is a full pipe.
func TestAStalledLogReaderDoesNotBlockTheService(t *testing.T) {
	service := exec.Command(harness.Binary(t), "--http-addr", "127.0.0.1:0", "--ops-addr", "",
		"--log-level", "debug",
		"--session-issue-limit-per-install", "1")
	service.Env = []string{"PATH=" + os.Getenv("PATH")}
	started, log := startPiped(t, service)
	defer func() { _ = log.Close() }()
	client := http.Client{Timeout: harness.Timeout}
	for range 2000 { // at a hundred bytes a line and more, many times what a pipe holds
		answer, err := client.Post("http://"+started.Public+"/v1/sessions/anonymous",
			"application/json",
			strings.NewReader(
				`{"install_id":"install-12345","app_version":"1.0","platform":"ios"}`))
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		assert.Contains(t, []int{http.StatusOK, http.StatusTooManyRequests}, answer.StatusCode)
	}
	client.CloseIdleConnections()
	require.NoError(t, service.Process.Signal(syscall.SIGTERM))
	ended := make(chan error, 1)
	go func() { ended <- service.Wait() }()
	assert.NoError(t, harness.Receive(t, "the service stops", ended), "the exit status must be 0")
}
