package docs

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/child"
	"github.com/offload/sessiond/test/harness/freeport"
	"github.com/offload/sessiond/test/harness/parts"
)

// walk is the machine that the page from nothing to production leaves behind, in a folder.
type walk struct {
	root       string
	session    *session
	transcript transcript
	holder     *holder
	public     string            // address of nginx
	here       *strings.Replacer // from the page to this machine
	there      *strings.Replacer // and back
	certify    Block             // the page's command that makes a certificate
	restart    Block             // the page's commands that upgrade and restart the service
}

// newWalk prepares what the page takes for granted: a checkout, sudo, an nginx that runs, a name
// that resolves, and an application.
func newWalk(t *testing.T) *walk {
	t.Helper()
	w := &walk{root: t.TempDir(), public: freeport.Address(t, "127.0.0.1"), holder: newHolder(),
		transcript: transcript{shown: names{}, printed: names{}}}
	for _, folder := range []string{"bin", "home", "checkout/cmd/sessiond", "etc/nginx/conf.d",
		"etc/nginx/sites-enabled", "var/lib", "usr/local/bin"} {
		require.NoError(t, os.MkdirAll(w.path(folder), 0o755))
	}
	w.write(t, "etc/hosts", "", 0o644)
	w.substitute(t)
	w.checkout(t)
	w.sudo(t)
	w.nginx(t)

	_, port, err := net.SplitHostPort(w.public)
	require.NoError(t, err)
	w.write(t, "home/.curlrc", "resolve = api.example.com:"+port+":127.0.0.1\n", 0o644)
	user, err := exec.Command("id", "-un").Output()
	require.NoError(t, err)
	env := []string{"HOME=" + w.path("home"), "USER=" + strings.TrimSpace(string(user)),
		"PATH=" + w.path("bin") + ":" + w.path("usr/local/bin") + ":" + os.Getenv("PATH")}
	for _, variable := range os.Environ() {
		if strings.HasPrefix(variable, "GO") || strings.HasPrefix(variable, "XDG_") {
			env = append(env, variable) // how this machine builds
		}
	}
	w.session = startSession(t, w.path("checkout"), env)
	t.Cleanup(func() { w.stop(t) })
	return w
}

func (w *walk) path(name string) string { return filepath.Join(w.root, name) }

func (w *walk) write(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	require.NoError(t, os.WriteFile(w.path(name), []byte(text), mode))
}

func (w *walk) read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(w.path(name))
	require.NoError(t, err)
	return string(text)
}

func (w *walk) log(t *testing.T) string {
	t.Helper()
	return w.read(t, "var/lib/sessiond/log")
}

// substitute declares all that differs between the page and what the test runs: the folders, the
// addresses, and how long a rotation takes.
func (w *walk) substitute(t *testing.T) {
	t.Helper()
	answer := func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Session-Install-Id") == "" {
			w.WriteHeader(http.StatusForbidden) // nginx has let a request without a session pass
		}
	}
	application := httptest.NewServer(http.HandlerFunc(answer))
	t.Cleanup(application.Close)
	_, port, err := net.SplitHostPort(w.public)
	require.NoError(t, err)
	both := []string{
		"127.0.0.1:8080", freeport.Address(t, "127.0.0.1"),
		"127.0.0.1:9090", freeport.Address(t, "127.0.0.1"),
		"127.0.0.1:3000", application.Listener.Addr().String(),
		"https://api.example.com", "https://api.example.com:" + port,
		"listen 443", "listen " + w.public,
	}
	for _, path := range []string{"/etc/sessiond", "/etc/nginx", "/etc/hosts",
		"/var/lib/sessiond", "/usr/local/bin"} {
		both = append(both, path, w.path(path))
	}
	back := make([]string, 0, len(both))
	for i := 0; i < len(both); i += 2 {
		back = append(back, both[i+1], both[i])
	}
	w.here = strings.NewReplacer(append(both, "sessiond keys rotate",
		"sessiond keys rotate --sign-after 3s")...)
	w.there = strings.NewReplacer(back...)
}

// checkout provides what the page uses of the tree: the examples, and make, which builds in the
// real one.
func (w *walk) checkout(t *testing.T) {
	t.Helper()
	tree, err := filepath.Abs(root)
	require.NoError(t, err)
	examples := filepath.Join("cmd", "sessiond", "deploy")
	require.NoError(t, os.CopyFS(w.path("checkout/"+examples),
		os.DirFS(filepath.Join(tree, examples))))
	nginx, err := filepath.Glob(w.path("checkout/" + examples + "/nginx/*"))
	require.NoError(t, err)
	for _, path := range nginx {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, []byte(w.here.Replace(string(text))), 0o600))
	}
	require.NoError(t, os.Symlink(filepath.Join(tree, ".build"), w.path("checkout/.build")))
	makes, err := exec.LookPath("make")
	require.NoError(t, err)
	// The caches of go are in the user's home.
	w.write(t, "bin/make", fmt.Sprintf("#!/bin/sh\nHOME='%s' exec '%s' -C '%s' \"$@\"\n",
		os.Getenv("HOME"), makes, tree), 0o755)
}

// sudo provides a sudo that changes nothing: the folders belong to the test's user already.
func (w *walk) sudo(t *testing.T) {
	t.Helper()
	w.write(t, "bin/sudo", "#!/bin/sh\nexec \"$@\"\n", 0o755)
}

// nginx starts nginx as a distribution configures and starts it.
func (w *walk) nginx(t *testing.T) {
	t.Helper()
	path, env, err := parts.Find("nginx", "nginx")
	require.NoError(t, err)
	user := ""
	if os.Getuid() == 0 {
		user = "user root;" // another user could not enter the test's folder
	}
	w.write(t, "etc/nginx/nginx.conf", fmt.Sprintf(`%[2]s
worker_processes 1;
pid %[1]s/nginx.pid;
error_log stderr crit;
events {}
http {
	access_log off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	include %[1]s/etc/nginx/conf.d/*.conf;
	include %[1]s/etc/nginx/sites-enabled/*;
}
`, w.root, user), 0o644)
	w.write(t, "bin/nginx", fmt.Sprintf("#!/bin/sh\n%s exec '%s' -c '%s' -e stderr \"$@\"\n",
		strings.Join(env, " "), path, w.path("etc/nginx/nginx.conf")), 0o755)
	command := exec.Command(w.path("bin/nginx"), "-g", "daemon off;")
	// The workers are in the group of the master, and end with it.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	server := child.Start(t, command)
	t.Cleanup(func() {
		_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL) // it may have ended
		server.Kill()
		if t.Failed() {
			t.Logf("log of nginx:\n%s", server.Log())
		}
	})
	harness.Poll(t, "nginx has started", func() bool {
		pid, err := os.ReadFile(w.path("nginx.pid"))
		return err == nil && len(pid) > 0
	})
}

// stop kills the service that the page's commands have left behind.
func (w *walk) stop(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(w.path("var/lib/sessiond/pid"))
	if err != nil {
		return // it was never started
	}
	if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
	}
	if t.Failed() {
		t.Logf("log of the service:\n%s", w.log(t))
	}
}

// unverified is for connections of the test: that curl trusts the certificate is tried by the page.
var unverified = &tls.Config{InsecureSkipVerify: true, ServerName: "api.example.com"}

// client returns a client of the page's name.
func (w *walk) client(t *testing.T) *harness.Client {
	t.Helper()
	return (&harness.Client{}).Through(t, w.public).Over(t, unverified,
		func(p *http.Protocols) { p.SetHTTP1(true) })
}

// served returns the certificate that nginx serves.
func (w *walk) served(t *testing.T) *x509.Certificate {
	t.Helper()
	conn, err := tls.Dial("tcp", w.public, unverified)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	return conn.ConnectionState().PeerCertificates[0]
}
