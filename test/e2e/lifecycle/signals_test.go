package lifecycle_test

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/pki"
)

// The life cycle of the built binary: the signals that do not stop it.

// TestLifeOutlivesItsLogReader closes the reading end of standard error, and has every request log
// a line. In one case the shell starts the service as systemd does: with SIGPIPE set to ignored.
func TestLifeOutlivesItsLogReader(t *testing.T) {
	t.Parallel()
	for name, command := range map[string]string{
		"SIGPIPE at its default": `exec "$0" "$@"`,
		"SIGPIPE ignored":        `trap "" PIPE; exec "$0" "$@"`,
	} {
		t.Run(name, func(t *testing.T) {
			service := exec.Command("sh", "-c", command, harness.Binary(t),
				"--http-addr", "127.0.0.1:0", "--ops-addr", "127.0.0.1:0", "--log-level", "debug")
			service.Env = []string{"PATH=" + os.Getenv("PATH")}
			started, log := startPiped(t, service)
			require.NoError(t, log.Close())

			client := http.Client{Timeout: harness.Timeout}
			get := func(url string) string {
				t.Helper()
				answer, err := client.Get(url)
				require.NoError(t, err)
				body, err := io.ReadAll(answer.Body)
				require.NoError(t, err)
				require.NoError(t, answer.Body.Close())
				assert.Equal(t, http.StatusOK, answer.StatusCode)
				return string(body)
			}
			for range 100 {
				get("http://" + started.Public + "/v1/health")
			}
			harness.Poll(t, "the lines are lost and counted", func() bool {
				text := get("http://" + started.Operations + "/metrics")
				_, rest, found := strings.Cut(text, "\noffload_log_lines_dropped_total ")
				require.True(t, found)
				count, _, _ := strings.Cut(rest, "\n")
				return len(count) >= len("100")
			})
			client.CloseIdleConnections()
			require.NoError(t, service.Process.Signal(syscall.SIGTERM))
			ended := make(chan error, 1)
			go func() { ended <- service.Wait() }()
			assert.NoError(t, harness.Receive(t, "the service stops", ended), "the exit status must be 0")
		})
	}
}

// TestCommandsEndQuietlyWithoutReader closes the reading end of a command's output, as head does
// once it has its lines.
func TestCommandsEndQuietlyWithoutReader(t *testing.T) {
	t.Parallel()
	for _, arguments := range [][]string{{"check"}, {"config"}, {"--help"}} {
		read, write, err := os.Pipe()
		require.NoError(t, err)
		require.NoError(t, read.Close())
		var stderr bytes.Buffer
		command := exec.Command(harness.Binary(t), arguments...)
		command.Env = []string{"PATH=" + os.Getenv("PATH")}
		command.Stdout, command.Stderr = write, &stderr
		require.NoError(t, command.Start())
		require.NoError(t, write.Close())
		ended := make(chan error, 1)
		go func() { ended <- command.Wait() }()
		_ = harness.Receive(t, "the command ends", ended) // by SIGPIPE, or by itself
		assert.Empty(t, stderr.String(), "%v", arguments)
	}
}

// TestLifeHangupsBreakNothing sends SIGHUP with and without changed files: the service goes on, and
// logs each change once and nothing else. It also reads the files every two seconds, so this test
// does not show that the signal has them read: TestHangupRequestsALookAndDoesNotStop in bootstrap
// does.
func TestLifeHangupsBreakNothing(t *testing.T) {
	t.Parallel()
	past := time.Now().Add(-time.Hour)
	keyset := harness.NewKeyset(t, harness.HS256Key("first", harness.StrongSecret, past))
	linked := filepath.Join(t.TempDir(), "keyset.json")
	require.NoError(t, os.Link(string(keyset), linked))
	old, renewed := pki.New(t, "localhost"), pki.New(t, "localhost", "renewed")
	folder := t.TempDir()
	chain, key := old.Write(t, folder)
	service := harness.Start(t, harness.ProductionKeyset(string(keyset)).With(harness.Env{
		"OFFLOAD_TLS_CERT_FILE": chain, "OFFLOAD_TLS_KEY_FILE": key,
		"OFFLOAD_HTTP_READ_TIMEOUT_SECONDS": "3600", "OFFLOAD_SHUTDOWN_GRACE_SECONDS": "60",
	}))
	client := service.Over(t, pki.Trust(old, renewed), func(p *http.Protocols) { p.SetHTTP1(true) })
	token := client.Token(t, "install-12345")

	service.Signal(t, syscall.SIGHUP)
	assert.Equal(t, http.StatusOK, client.Current(t, harness.Bearer(token)).Status)

	text := harness.KeysetText(t, harness.HS256Key("first", harness.StrongSecret, past),
		harness.HS256Key("second", harness.OtherSecret, past.Add(time.Minute)))
	require.NoError(t, os.WriteFile(linked, []byte(text), 0o600))
	service.Signal(t, syscall.SIGHUP)
	service.Log.Await(t, "keys_reloaded")
	renewed.Write(t, folder)
	service.Signal(t, syscall.SIGHUP)
	service.Log.Await(t, "tls_reloaded")
	assert.Equal(t, http.StatusOK, client.Current(t, harness.Bearer(token)).Status)
	assert.False(t, service.Ended())
	var events []string
	for _, line := range service.Log.Lines() {
		events = append(events, line.Event())
	}
	assert.Equal(t, []string{"service_started", "keys_reloaded", "tls_reloaded"}, events)
	client.Close()
	assert.Zero(t, service.Stop(t))
}
