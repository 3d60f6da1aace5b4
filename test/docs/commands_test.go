package docs

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/proxy"
	"github.com/offload/sessiond/test/harness/redisserver"
)

// TestCommands runs the marked blocks of each page, in a world of its own for each block.
func TestCommands(t *testing.T) {
	for name, page := range pages(t) {
		for i, block := range page.Blocks {
			if block.isStep() {
				continue
			}
			t.Run(fmt.Sprintf("%s %d %s", filepath.Base(name), i+1, block.World), func(t *testing.T) {
				w := newWorld(t, page, i)
				w.run(t, block)
			})
		}
	}
}

// TestPagesAreTried checks that no page for operators loses its tested commands.
func TestPagesAreTried(t *testing.T) {
	all := pages(t)
	for _, name := range []string{"README.md", "cmd/sessiond/docs/operations.md",
		"cmd/sessiond/docs/keys.md", "cmd/sessiond/docs/limits.md", "cmd/sessiond/docs/proxies.md",
		"cmd/sessiond/docs/tls.md", "cmd/sessiond/docs/tuning.md", walkPage} {
		assert.NotEmpty(t, all[name].Blocks, name)
	}
}

// world is what a block finds: a root for absolute paths, and an environment.
type world struct {
	root    string
	env     harness.Env
	fails   bool
	replace []string // old and new, for strings.NewReplacer
}

func newWorld(t *testing.T, page Page, index int) *world {
	t.Helper()
	w := &world{root: t.TempDir(), env: harness.Env{}}
	bin := filepath.Join(w.root, "bin")
	for _, folder := range []string{bin, w.path("run/secrets"), w.path("etc")} {
		require.NoError(t, os.MkdirAll(folder, 0o755))
	}
	require.NoError(t, os.Symlink(harness.Binary(t), filepath.Join(bin, "sessiond")))
	// The folders belong to the test's user already.
	require.NoError(t, os.WriteFile(filepath.Join(bin, "sudo"), []byte("#!/bin/sh\nexec \"$@\"\n"),
		0o755))
	user, err := exec.Command("id", "-un").Output()
	require.NoError(t, err)
	w.env["PATH"] = bin + ":" + os.Getenv("PATH")
	w.env["USER"] = strings.TrimSpace(string(user))
	w.replace = []string{"/etc/sessiond", w.path("etc/sessiond"), "/run/secrets",
		w.path("run/secrets")}

	base, more, _ := strings.Cut(page.Blocks[index].World, ", ")
	switch base {
	case "from nothing":
	case "with a keyset":
		w.keyset(t)
	case "with an empty keyset":
		w.write(t, "etc/sessiond/keyset.json", `{"keys":[]}`)
		w.env["OFFLOAD_SESSION_KEYSET_FILE"] = w.path("etc/sessiond/keyset.json")
	case "with a secret file":
		w.write(t, "run/secrets/session", secret+"\n")
		require.NoError(t, os.MkdirAll(w.path("etc/sessiond"), 0o755))
	case "with redis":
		server := redisserver.Start(t)
		w.keyset(t)
		w.write(t, "run/secrets/redis-url", server.URL())
		w.write(t, "run/secrets/digest-key", secret)
	case "tls":
		w.env["OFFLOAD_ENVIRONMENT"] = "development" // the page is about TLS alone
		if more == "serving" {
			w.tls(t, page, index)
		}
	case "with an access log":
		w.accessLog(t)
	case "with a trace":
		w.trace(t)
	case "serving":
		if more == "inspected" {
			w.env["OFFLOAD_SESSION_SECRET"] = secret
		}
		if more == "with an origin" {
			w.env["OFFLOAD_CORS_ALLOWED_ORIGINS"] = "https://app.example.com"
		}
		w.serve(t)
	case "behind nginx":
		w.behindNginx(t)
	default:
		require.Fail(t, "unknown world", page.Blocks[index].World)
	}
	w.fails = more == "fails"
	return w
}

// secret is one that the policy accepts; nothing outside the test has it.
const secret = "q0JxvT3sVb8mWn5zLr2yKd7hPc4gFu9aEi6oXs1tRw0="

func (w *world) path(name string) string { return filepath.Join(w.root, name) }

func (w *world) write(t *testing.T, name, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(w.path(name)), 0o755))
	require.NoError(t, os.WriteFile(w.path(name), []byte(text), 0o600))
}

// keyset creates a keyset with one key, whose id stands for KEY_ID.
func (w *world) keyset(t *testing.T) {
	t.Helper()
	file := w.path("etc/sessiond/keyset.json")
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	w.shell(t, "sessiond keys create --kid first --keyset "+file, true)
	w.env["OFFLOAD_SESSION_KEYSET_FILE"] = file
	w.replace = append(w.replace, "KEY_ID", "first")
}

// serve starts the service and has a session for $TOKEN.
func (w *world) serve(t *testing.T) *harness.Process {
	t.Helper()
	service := harness.Start(t, w.env)
	w.env["TOKEN"] = service.Token(t, "install-docs")
	w.replace = append(w.replace, "localhost:8080", service.Public)
	return service
}

// accessLog writes a log of nginx, and two older ones.
func (w *world) accessLog(t *testing.T) {
	t.Helper()
	line := func(second int) string {
		return fmt.Sprintf(`203.0.113.5 - - [30/Nov/2026:12:00:%02d +0000] `+
			`"POST /v1/sessions/anonymous HTTP/1.1" 200 512 "-" "-"`+"\n", second)
	}
	for i, name := range []string{"access.log.2", "access.log.1", "access.log"} {
		w.write(t, "var/log/nginx/"+name, line(3*i)+line(3*i+1))
	}
	w.shell(t, "gzip var/log/nginx/access.log.2", true)
	w.replace = append(w.replace, "/var/log/nginx", w.path("var/log/nginx"))
}

// trace has a service write a trace.
func (w *world) trace(t *testing.T) {
	t.Helper()
	require.NoError(t, os.MkdirAll(w.path("var/lib/sessiond"), 0o755))
	service := harness.Start(t, harness.Env{
		"OFFLOAD_SESSION_ISSUE_TRACE_FILE": w.path("var/lib/sessiond/issue.trace")})
	service.Token(t, "install-docs")
	service.Stop(t)
	w.replace = append(w.replace, "/var/lib/sessiond", w.path("var/lib/sessiond"))
}

// tls runs the page's earlier block and serves with the certificate that it made.
func (w *world) tls(t *testing.T, page Page, index int) {
	t.Helper()
	for _, earlier := range page.Blocks[:index] {
		if earlier.World == "tls" {
			w.run(t, earlier)
		}
	}
	service := harness.Start(t, harness.Env{
		"OFFLOAD_TLS_CERT_FILE": w.path("tls.crt"), "OFFLOAD_TLS_KEY_FILE": w.path("tls.key"),
	})
	_, port, err := net.SplitHostPort(service.Public)
	require.NoError(t, err)
	w.replace = append(w.replace, "localhost:8080", "localhost:"+port, "--cacert",
		"--resolve localhost:"+port+":127.0.0.1 --cacert")
}

// behindNginx starts the service, an application, and nginx with the example's configuration.
func (w *world) behindNginx(t *testing.T) {
	t.Helper()
	application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name := range r.Header {
			if strings.Contains(strings.ToLower(strings.ReplaceAll(name, "_", "-")), "x-session") {
				_, _ = fmt.Fprintln(w, "received", name)
			}
		}
	}))
	t.Cleanup(application.Close)
	service := w.serve(t)
	example, err := os.ReadFile(filepath.Join(root, "cmd", "sessiond", "deploy", "nginx", "sessiond.conf"))
	require.NoError(t, err)
	server := proxy.StartNginx(t, "127.0.0.1", func(addr string) string {
		return strings.NewReplacer("server 127.0.0.1:8080;", "server "+service.Public+";",
			"server 127.0.0.1:3000;", "server "+application.Listener.Addr().String()+";",
			"listen 80;", "listen "+addr+";").Replace(string(example))
	})
	w.env["APP"] = "http://" + server.Addr
}

// statuses matches the statuses that a comment behind a command expects, and status each of them.
var (
	statuses = regexp.MustCompile(`#\s*((?:\d{3}(?:, or |, | or )?)+)`)
	status   = regexp.MustCompile(`\b\d{3}\b`)
)

func (w *world) run(t *testing.T, block Block) {
	t.Helper()
	var exported []string
	for i, command := range block.Commands {
		script := strings.NewReplacer(w.replace...).Replace(command)
		if strings.HasPrefix(script, "export ") {
			exported = append(exported, script)
			continue
		}
		output := w.shell(t, strings.Join(append(exported, script), "\n"), !w.fails)
		if expected := statuses.FindStringSubmatch(command); expected != nil {
			allowed := status.FindAllString(expected[1], -1)
			// With -i, the status is in the first line of the response, behind curl's progress.
			printed := output
			if _, response, found := strings.Cut(output, "HTTP/1.1 "); found {
				printed = response
			}
			first, _, _ := strings.Cut(printed, "\n")
			got := status.FindAllString(first, -1)
			assert.NotEmpty(t, got, "no status is printed by %s\n%s", command, output)
			assert.Subset(t, allowed, got, "%s\n%s", command, output)
		}
		if strings.Contains(command, "received neither") {
			assert.Contains(t, output, "200 OK", command)
			assert.NotContains(t, output, "received", command)
		}
		w.compare(t, command, block.Output[i], output)
	}
	if len(exported) == len(block.Commands) {
		require.Fail(t, "a block that only exports shows nothing")
	}
}

// compare holds output to what the page shows: the same members of JSON, or the same lines.
func (w *world) compare(t *testing.T, command, shown, output string) {
	t.Helper()
	if shown == "" {
		return
	}
	if compareJSON(t, command, shown, output) {
		return
	}
	for line := range strings.Lines(shown) {
		assert.Contains(t, output, strings.TrimSpace(line), command)
	}
}

// shell runs a script as the page's reader would, and returns its standard output and error.
func (w *world) shell(t *testing.T, script string, succeeds bool) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), harness.Timeout)
	defer cancel()
	shell := exec.CommandContext(ctx, "bash", "-c", script)
	shell.Dir = w.root
	shell.Env = []string{"HOME=" + w.root}
	for name, value := range w.env {
		shell.Env = append(shell.Env, name+"="+value)
	}
	output, err := shell.CombinedOutput()
	require.NoError(t, ctx.Err(), "%s did not end", script)
	if succeeds {
		require.NoError(t, err, "%s\n%s", script, output)
	} else {
		require.Error(t, err, "%s\n%s", script, output)
	}
	return string(output)
}
