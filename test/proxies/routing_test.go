package proxies_test

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/proxy"
)

// TestRouting shows the example that routes requests for sessions to the service and all others to
// a backend.
func TestRouting(t *testing.T) {
	t.Parallel()
	service, backend := harness.Serve(t, harness.Env{"OFFLOAD_TRUSTED_PROXIES": "127.0.0.1",
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP": "1"}), startApplication(t)
	server := proxy.StartNginx(t, "127.0.0.1", func(addr string) string {
		return replaced(t, deployed(t, "nginx/routing.conf"), "server 127.0.0.1:8080;",
			"server "+service.Public+";", "server 127.0.0.1:3000;", "server "+backend.addr()+";",
			"listen 80;", "listen "+addr+";")
	})
	client := service.Through(t, server.Addr).From(t, "127.0.0.2")
	assertRoutes(t, client, backend)
	// Other forms of the path are the service's, which does not know them.
	for _, target := range []string{"//v1/sessions/anonymous", "/v1/sessions%2Fanonymous",
		"/app/../v1/sessions/anonymous"} {
		assert.Equal(t, http.StatusNotFound, client.Exchange(t, "POST",
			request("POST", target, "{}")).Status, target)
		backend.assertNothing(t, target)
	}
}

// assertRoutes checks that a proxy leads requests for a session to the service, and all others to
// the application.
func assertRoutes(t *testing.T, client *harness.Client, backend *upstream) {
	t.Helper()
	token := client.Token(t, installation)
	backend.assertNothing(t, "a session is the service's")
	assert.Equal(t, http.StatusTooManyRequests, client.Issue(t, "install-00000002",
		harness.ForwardedFor("198.51.100.1")).Status, "the client's address counts")
	for _, target := range []string{"/", "/v1/sessions/current", "/v1/sessions/anonymous/x",
		"/v1/sessions/anonymousx", "/v1/sessions/verify", "/app/x?a=b"} {
		answer := client.Send(t, "GET", target, "", harness.Bearer(token))
		assert.Equal(t, "the application", answer.Body, target)
		requests := backend.take()
		require.Len(t, requests, 1, target)
		assert.Equal(t, target, requests[0].Target)
		assert.Equal(t, []string{"Bearer " + token}, requests[0].Header.Values("Authorization"))
	}
}

// others are the folders of examples that are not of proxies; test/deploy and test/watch have them.
var others = []string{"compose", "grafana", "image", "kubernetes", "prometheus", "redis", "systemd"}

// TestEveryExampleIsStarted fails for a file of a proxy that no test starts or reads.
func TestEveryExampleIsStarted(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(path("*/*"))
	require.NoError(t, err)
	sources, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	tests := ""
	for _, name := range sources {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		tests += string(text)
	}
	for _, file := range files {
		folder := filepath.Base(filepath.Dir(file))
		if slices.Contains(others, folder) {
			continue
		}
		name := folder + "/" + filepath.Base(file)
		assert.Contains(t, tests, `"`+name+`"`)
	}
}
