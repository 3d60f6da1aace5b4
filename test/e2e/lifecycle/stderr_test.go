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

// TestAStalledLogReaderDoesNotBlockTheService shows that the service serves and stops while its
// standard error is a full pipe.
func TestAStalledLogReaderDoesNotBlockTheService(t *testing.T) {
	read, write, err := os.Pipe()
	require.NoError(t, err)
	defer func() { _ = read.Close() }()
	service := exec.Command(harness.Binary(t), "--http-addr", "127.0.0.1:0", "--ops-addr", "",
		"--log-level", "debug",
		"--session-issue-limit-per-install", "1")
	service.Env = []string{"PATH=" + os.Getenv("PATH")}
	service.Stderr = write
	require.NoError(t, service.Start())
	defer func() { _ = service.Process.Kill() }()
	require.NoError(t, write.Close())

	var started struct{ Event, Public string }
	for lines := bufio.NewReaderSize(read, 16); started.Event != "service_started"; {
		line, err := lines.ReadBytes('\n')
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(line, &started))
	}
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
	select {
	case err := <-ended:
		assert.NoError(t, err, "the exit status must be 0")
	case <-time.After(harness.Timeout):
		require.Fail(t, "the service did not stop")
	}
}
