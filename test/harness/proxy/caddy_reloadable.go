package proxy

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness/freeport"
	"github.com/offload/sessiond/test/harness/parts"
)

// Caddy is Debian's Caddy whose Caddyfile a test replaces while it serves, as operators do.
type Caddy struct {
	*Server

	folder, admin string
}

// StartReloadableCaddy starts Caddy on 127.0.0.1 with the Caddyfile and the environment that
// configure returns for its listen address. The Caddyfile has its administration endpoint at
// {$CADDY_ADMIN}.
func StartReloadableCaddy(t testing.TB, configure func(addr string) (caddyfile string,
	env []string)) *Caddy {
	t.Helper()
	c := &Caddy{folder: t.TempDir()}
	c.Server = StartCaddy(t, "127.0.0.1", func(addr string) (string, []string) {
		c.admin = freeport.Address(t, "127.0.0.1")
		caddyfile, env := configure(addr)
		return caddyfile, append(env, "CADDY_ADMIN="+c.admin)
	})
	return c
}

// Reload puts another Caddyfile in force. Caddy answers the requests that it has.
func (c *Caddy) Reload(t testing.TB, configure func(addr string) (caddyfile string, env []string)) {
	t.Helper()
	path, libraries, err := parts.Find("caddy", "caddy")
	require.NoError(t, err)
	caddyfile, env := configure(c.Addr)
	command := exec.Command(path, "reload", "--adapter", "caddyfile", "--address", c.admin,
		"--config", write(t, c.folder, "Caddyfile", caddyfile))
	command.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + c.folder,
		"CADDY_ADMIN=" + c.admin}, append(libraries, env...)...)
	output, err := command.CombinedOutput()
	require.NoError(t, err, "caddy reload: %s\n%s", output, c.Log())
}
