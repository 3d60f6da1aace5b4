package deploy

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/redisserver"
)

// TestManifestsServe makes the secrets as the page says, starts the service with the environment of
// the pods, and with their volumes as the kubelet writes them, and asks what the probes ask. Redis
// and the ports are the test's.
func TestManifestsServe(t *testing.T) {
	found := build(t)
	secrets := secretsOf(t, follow(t, "Kubernetes").calls)
	pod := found.deployment.Spec.Template.Spec
	container := pod.Containers[0]
	volumes := t.TempDir()
	for _, mount := range container.VolumeMounts {
		index := slices.IndexFunc(pod.Volumes, func(v corev1.Volume) bool { return v.Name == mount.Name })
		require.GreaterOrEqual(t, index, 0, mount.Name)
		kubelet(t, filepath.Join(volumes, mount.MountPath), secrets[pod.Volumes[index].Secret.SecretName])
	}
	env := environment(t, found, "10.244.0.17")
	assert.Equal(t, "[10.244.0.17]:9090", env["OFFLOAD_OPS_ADDR"])
	assert.Equal(t, "[fd00::17]:9090", environment(t, found, "fd00::17")["OFFLOAD_OPS_ADDR"])
	for _, variable := range []string{"OFFLOAD_SESSION_KEYSET_FILE", "OFFLOAD_LIMITER_DIGEST_KEY_FILE",
		"OFFLOAD_REDIS_URL_FILE"} {
		env[variable] = filepath.Join(volumes, env[variable])
		require.FileExists(t, env[variable])
	}
	address, err := os.ReadFile(env["OFFLOAD_REDIS_URL_FILE"])
	require.NoError(t, err)
	user := regexp.MustCompile(`^redis://sessiond:([0-9a-f]{64})@redis\.sessiond\.svc:6379\n$`).
		FindStringSubmatch(string(address))
	require.NotNil(t, user)
	redis := redisserver.Start(t)
	redis.Do(t, append([]string{"ACL", "SETUSER"}, redisUser(t, user[1])...)...)
	require.NoError(t, os.WriteFile(env["OFFLOAD_REDIS_URL_FILE"],
		[]byte(strings.Replace(string(address), "redis.sessiond.svc:6379", redis.Addr(), 1)), 0o440))

	assertStrict(t, env)
	process := harness.StartSharing(t, env.With(harness.Env{"OFFLOAD_HTTP_ADDR": "127.0.0.1:0",
		"OFFLOAD_OPS_ADDR": "[127.0.0.1]:0", "OFFLOAD_SHUTDOWN_DELAY_SECONDS": "0"}))
	for _, probe := range []*corev1.Probe{container.StartupProbe, container.LivenessProbe,
		container.ReadinessProbe} {
		assert.Equal(t, http.StatusOK,
			process.Operations(t, http.MethodGet, probe.HTTPGet.Path).Status)
	}
	process.Issue(t, "install-12345")
	assert.Empty(t, process.Log.Of("configuration_warning"), "%s", process.Log.Text())
	assert.Empty(t, process.Log.Of("limiter_outage_started"), "%s", process.Log.Text())
	assert.Zero(t, process.Stop(t))
}

// environment returns the variables of a pod with an address, as the kubelet computes them.
func environment(t *testing.T, found *cluster, address string) harness.Env {
	t.Helper()
	container := found.deployment.Spec.Template.Spec.Containers[0]
	env := harness.Env(found.settings.Data).With(nil)
	for _, variable := range container.Env {
		value := strings.ReplaceAll(variable.Value, "$(POD_IP)", env["POD_IP"])
		if variable.ValueFrom != nil {
			require.Equal(t, "status.podIP", variable.ValueFrom.FieldRef.FieldPath)
			value = address
		}
		env[variable.Name] = value
	}
	return env
}

// secretsOf returns the files of each Secret that kubectl was called to create.
func secretsOf(t *testing.T, calls []string) map[string][]string {
	t.Helper()
	secrets := map[string][]string{}
	for _, call := range calls {
		if _, created, found := strings.Cut(call, "create secret generic "); found {
			name, _, _ := strings.Cut(created, " ")
			for _, file := range regexp.MustCompile(`--from-file=(\S+)`).FindAllStringSubmatch(created, -1) {
				secrets[name] = append(secrets[name], file[1])
			}
		}
	}
	return secrets
}

// kubelet writes files into a folder as the kubelet does: it links each to a folder, which it swaps
// to change the content.
func kubelet(t *testing.T, folder string, files []string) {
	t.Helper()
	require.NotEmpty(t, files, folder)
	require.NoError(t, os.MkdirAll(filepath.Join(folder, "..2026"), 0o755))
	require.NoError(t, os.Symlink("..2026", filepath.Join(folder, "..data")))
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		name := filepath.Base(file)
		require.NoError(t, os.WriteFile(filepath.Join(folder, "..2026", name), content, 0o640))
		require.NoError(t, os.Symlink("..data/"+name, filepath.Join(folder, name)))
	}
}

// redisUser returns the rules of the user in the example, for ACL SETUSER.
func redisUser(t *testing.T, password string) []string {
	t.Helper()
	text, err := os.ReadFile(examples + "redis/sessiond.acl")
	require.NoError(t, err)
	_, rules, found := strings.Cut(string(text), "\nuser ")
	require.True(t, found)
	return strings.Fields(strings.Replace(rules, "PASSWORD", password, 1))
}
