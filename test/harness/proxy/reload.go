package proxy

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness/child"
	"github.com/offload/sessiond/test/harness/freeport"
	"github.com/offload/sessiond/test/harness/parts"
)

// Nginx is an nginx whose configuration a test replaces while it serves, as operators do: a master
// process with a worker.
type Nginx struct {
	Server

	config, folder string
	loads          int
}

// StartReloadable starts nginx on 127.0.0.1 with the content of the http block that site returns
// for its listen address.
func StartReloadable(t testing.TB, site func(addr string) string) *Nginx {
	t.Helper()
	path, libraries, err := parts.Find("nginx", "nginx")
	require.NoError(t, err)
	for range 5 { // another process may take a free port before nginx listens on it
		n := &Nginx{Server: Server{Addr: freeport.Address(t, "127.0.0.1")}, folder: t.TempDir()}
		n.configure(t, site)
		command := exec.Command(path, "-p", n.folder, "-e", "stderr", "-c", n.config)
		command.Env = append([]string{"PATH=" + os.Getenv("PATH")}, libraries...)
		n.Process = child.Start(t, command)
		if !n.accepts() {
			n.Kill()
			continue
		}
		t.Cleanup(func() { n.stop(t) })
		return n
	}
	require.Fail(t, "nginx did not start")
	return nil
}

// configure writes the configuration.
func (n *Nginx) configure(t testing.TB, site func(addr string) string) {
	t.Helper()
	n.loads++
	user := ""
	if os.Getuid() == 0 {
		user = "user root;" // a worker of another user could not use the folder
	}
	n.config = write(t, n.folder, "nginx.conf", fmt.Sprintf(`daemon off;
worker_processes 1;
%[3]s
pid %[1]s/nginx.pid;
error_log stderr notice;
events {}
http {
	access_log %[1]s/access.log combined;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	%[2]s
}
`, n.folder, site(n.Addr), user))
}

// AccessLog returns the path of the access log, in the format combined.
func (n *Nginx) AccessLog() string { return n.folder + "/access.log" }

// Reload puts another configuration in force and waits until the last worker of the old one has
// answered its requests and ended. Connections that are idle are closed then.
func (n *Nginx) Reload(t testing.TB, site func(addr string) string) {
	t.Helper()
	n.configure(t, site)
	n.Signal(t, syscall.SIGHUP)
	deadline := time.Now().Add(Timeout)
	for strings.Count(n.Log(), "exited with code 0") < n.loads-1 {
		require.True(t, time.Now().Before(deadline),
			"timed out waiting for the workers of the old configuration to end:\n%s", n.Log())
		time.Sleep(10 * time.Millisecond)
	}
}

// stop ends the master and its worker.
func (n *Nginx) stop(t testing.TB) {
	if n.Running() {
		n.Signal(t, syscall.SIGTERM)
	}
	select {
	case <-n.Ended:
	case <-time.After(Timeout):
		n.Kill()
	}
	if t.Failed() {
		t.Logf("log of nginx at %s:\n%s", n.Addr, n.Log())
	}
}
