//go:build languages

package cutover_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/child"
	"github.com/offload/sessiond/test/harness/freeport"
	"github.com/offload/sessiond/test/harness/proxy"
)

// The addresses of the guide.
const (
	guideSessiond = "127.0.0.1:8080"
	guideBackend  = "127.0.0.1:3000"
)

// machine is that of the guide: a folder stands for /, free ports for those of the guide, and
// systemctl does what systemd does with the units.
type machine struct {
	t      *testing.T
	folder string
	site   site
	// socket is sessiond's, which systemd holds while the service is restarted.
	socket  net.Listener
	service *harness.Process
	backend *backend
}

// site is the proxy of the machine.
type site interface {
	// address is what stands for port 80.
	address() string
	// reload puts the files of the machine in force, with its addresses in place of the guide's.
	reload(m *machine)
}

// newMachine returns a machine whose proxy sends everything to the backend.
func newMachine(t *testing.T, name string) *machine {
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = socket.Close() })
	m := &machine{t: t, folder: t.TempDir(), socket: socket}
	for _, folder := range []string{"etc/offload", "etc/nginx/conf.d", "etc/caddy", "var/log/caddy",
		"run/credentials"} {
		require.NoError(t, os.MkdirAll(m.path(folder), 0o700))
	}
	m.write("etc/offload/backend.env", backendEnv(secret))
	m.write("etc/nginx/conf.d/offload.conf", "server { listen 80; location / { proxy_pass http://"+
		guideBackend+"; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; } }\n")
	m.write("etc/caddy/Caddyfile", "{\n\tadmin {$CADDY_ADMIN:localhost:2019}\n}\n{$PUBLIC_ADDR::80} {\n"+
		"\tbind {$PUBLIC_BIND:0.0.0.0 ::}\n\tlog {\n\t\toutput file /var/log/caddy/access.log\n\t}\n"+
		"\treverse_proxy {$BACKEND_ADDR:"+guideBackend+"}\n}\n")
	m.backend = startBackend(t, m.variables("etc/offload/backend.env"))
	if name == "nginx" {
		m.site = startNginx(m)
	} else {
		m.site = startCaddy(m)
	}
	return m
}

// backendEnv returns the variables of the backend.
func backendEnv(secret string) string {
	return "OFFLOAD_ENVIRONMENT=production\nOFFLOAD_SESSION_SECRET=" + secret +
		"\nOFFLOAD_SESSION_TOKEN_ACTIVE_KID=v2-default\nOFFLOAD_AI_PROVIDER=openai\n" +
		"OFFLOAD_USAGE_STORE=postgres\n"
}

func (m *machine) path(name string) string { return filepath.Join(m.folder, name) }

func (m *machine) write(name, text string) {
	require.NoError(m.t, os.WriteFile(m.path(name), []byte(text), 0o600))
}

// read returns a file, with the addresses and folders of this machine.
func (m *machine) read(name string) string {
	text, err := os.ReadFile(m.path(name))
	require.NoError(m.t, err)
	return m.here(string(text))
}

// variables returns those of a file, as systemd reads them.
func (m *machine) variables(name string) []string {
	m.t.Helper()
	output, err := exec.Command("env", "-i", "sh", "-c", "set -a; . "+m.path(name)+"; exec env").Output()
	require.NoError(m.t, err)
	var found []string
	for line := range strings.Lines(string(output)) {
		if strings.HasPrefix(line, "OFFLOAD_") {
			found = append(found, strings.TrimSuffix(line, "\n"))
		}
	}
	return found
}

// here returns a text of the guide with what this machine has instead.
func (m *machine) here(text string) string {
	pairs := []string{guideSessiond, m.socket.Addr().String(), guideBackend, m.backend.address,
		"/etc/", m.folder + "/etc/", "/var/log/caddy", m.folder + "/var/log/caddy"}
	if m.site != nil {
		pairs = append(pairs, "http://127.0.0.1/", "http://"+m.site.address()+"/")
		if nginx, ok := m.site.(*nginxSite); ok {
			pairs = append(pairs, "/var/log/nginx/access.log", nginx.AccessLog())
		}
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// documented reverts here.
func (m *machine) documented(text string) string {
	return strings.NewReplacer(m.socket.Addr().String(), guideSessiond, m.backend.address,
		guideBackend).Replace(text)
}

// systemctl does what systemd does.
func (m *machine) systemctl(args ...string) {
	m.t.Helper()
	switch strings.Join(args, " ") {
	case "enable --now sessiond.socket sessiond.service":
		m.startService()
	case "restart sessiond":
		require.Zero(m.t, m.service.Stop(m.t))
		m.startService()
	case "disable --now sessiond.socket sessiond.service":
		require.Zero(m.t, m.service.Stop(m.t))
		m.service = nil
	case "restart offload-backend":
		// A backend has several replicas, which are restarted one after the other. The one before
		// ends with the test, because the proxy may still have requests for it.
		m.backend = startBackend(m.t, m.variables("etc/offload/backend.env"))
		m.site.reload(m)
	case "reload nginx", "reload caddy":
		m.site.reload(m)
	default:
		require.Fail(m.t, "no such unit", "systemctl %s", strings.Join(args, " "))
	}
}

// startService starts the service as the unit says: with a copy of the keyset, with its variables
// and then those of /etc/sessiond/sessiond.env, and on the socket.
func (m *machine) startService() {
	m.t.Helper()
	m.copyKeyset()
	unit, err := os.ReadFile(root + "/cmd/sessiond/deploy/systemd/sessiond.service")
	require.NoError(m.t, err)
	env := harness.Env{"OFFLOAD_OPS_ADDR": "127.0.0.1:0"}
	set := func(assignment string) {
		name, value, _ := strings.Cut(assignment, "=")
		env[name] = strings.ReplaceAll(value, "%d", m.path("run/credentials"))
	}
	for line := range strings.Lines(string(unit)) {
		if assignment, ok := strings.CutPrefix(line, "Environment="); ok {
			set(strings.TrimSpace(assignment))
		}
	}
	for _, assignment := range m.variables("etc/sessiond/sessiond.env") {
		set(assignment)
	}
	file, err := m.socket.(*net.TCPListener).File()
	require.NoError(m.t, err)
	defer func() { _ = file.Close() }()
	m.service = harness.StartActivated(m.t, env, file)
}

// copyKeyset copies the keyset to where the service reads it.
func (m *machine) copyKeyset() {
	m.t.Helper()
	text, err := os.ReadFile(m.path("etc/sessiond/keyset.json"))
	require.NoError(m.t, err)
	harness.KeysetFile(m.path("run/credentials/keyset.json")).Write(m.t, string(text), 0o600)
}

// nginxSite is nginx with the files in /etc/nginx/conf.d.
type nginxSite struct{ *proxy.Nginx }

func startNginx(m *machine) *nginxSite {
	return &nginxSite{proxy.StartReloadable(m.t, m.nginxConf)}
}

// nginxConf returns the configuration for an address that stands for port 80.
func (m *machine) nginxConf(addr string) string {
	return strings.ReplaceAll(m.read("etc/nginx/conf.d/offload.conf"), "listen 80;", "listen "+addr+";")
}

func (n *nginxSite) address() string { return n.Addr }

func (n *nginxSite) reload(m *machine) { n.Reload(m.t, m.nginxConf) }

// caddySite is Caddy with /etc/caddy/Caddyfile.
type caddySite struct{ *proxy.Caddy }

func startCaddy(m *machine) *caddySite {
	return &caddySite{proxy.StartReloadableCaddy(m.t, m.caddyfile)}
}

// caddyfile returns the configuration for an address that stands for port 80.
func (m *machine) caddyfile(addr string) (caddyfile string, env []string) {
	return m.read("etc/caddy/Caddyfile"), []string{"PUBLIC_ADDR=http://" + addr,
		"PUBLIC_BIND=127.0.0.1"}
}

func (c *caddySite) address() string { return c.Addr }

func (c *caddySite) reload(m *machine) { c.Reload(m.t, m.caddyfile) }

// backend is a running stand-in for the backend.
type backend struct {
	*child.Process
	address string
}

// startBackend starts the stand-in with variables.
func startBackend(t *testing.T, env []string) *backend {
	t.Helper()
	for range 5 { // another process may take a free port before the backend listens on it
		b := &backend{address: freeport.Address(t, "127.0.0.1")}
		_, port, err := net.SplitHostPort(b.address)
		require.NoError(t, err)
		command := exec.Command("python3", "testdata/backend.py", port)
		modules, err := filepath.Abs(root + "/adapters/sessionauth/python")
		require.NoError(t, err)
		command.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"),
			"PYTHONPATH=" + modules, "PYTHONDONTWRITEBYTECODE=1"}, env...)
		b.Process = child.Start(t, command)
		if b.Wrote("listening", child.Timeout) {
			t.Cleanup(func() {
				b.Kill()
				if t.Failed() {
					t.Logf("log of the backend at %s:\n%s", b.address, b.Log())
				}
			})
			return b
		}
		b.Kill()
		t.Logf("the backend did not start:\n%s", b.Log())
	}
	require.Fail(t, "the backend did not start")
	return nil
}
