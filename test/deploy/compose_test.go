package deploy

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/redisserver"
)

// compose reads the example with the library of Compose, which checks it against the schema and for
// references that lead nowhere.
func compose(t *testing.T, env ...string) (*types.Project, error) {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{examples + "compose/compose.yaml"},
		cli.WithEnv(env), cli.WithResolvedPaths(true), cli.WithConsistency(true))
	require.NoError(t, err)
	return options.LoadProject(t.Context())
}

func TestComposeFile(t *testing.T) {
	_, err := compose(t)
	require.ErrorContains(t, err, "set it to the version", "a version must be named")
	project, err := compose(t, "SESSIOND_VERSION=1.2.3")
	require.NoError(t, err)
	service := project.Services["sessiond"]
	assert.Equal(t, "sessiond:1.2.3", service.Image)
	assert.Equal(t, "65532:65532", service.User)
	assert.True(t, service.ReadOnly)
	assert.Equal(t, []string{"ALL"}, service.CapDrop)
	assert.Less(t, 25*time.Second, time.Duration(*service.StopGracePeriod))
	require.Len(t, service.Volumes, 1)
	assert.True(t, service.Volumes[0].ReadOnly)
	assert.True(t, project.Networks["storage"].Internal)
}

// TestComposeServes starts the service with the environment of the example, and with a Redis that
// has the options of the example. Paths are replaced by those of the test.
func TestComposeServes(t *testing.T) {
	project, err := compose(t, "SESSIOND_VERSION=1.2.3")
	require.NoError(t, err)
	command := project.Services["redis"].Command
	require.Equal(t, "redis-server", command[0])
	redis := redisserver.Start(t, command[1:]...)

	env := harness.Env{}
	for name, value := range project.Services["sessiond"].Environment {
		require.NotNil(t, value, name)
		env[name] = *value
	}
	assert.Equal(t, "redis://redis:6379", env["OFFLOAD_REDIS_URL"])
	assert.Equal(t, "/run/secrets/"+project.Services["sessiond"].Secrets[0].Source,
		env["OFFLOAD_LIMITER_DIGEST_KEY_FILE"])
	folder := t.TempDir()
	for variable, content := range map[string][]byte{
		"OFFLOAD_SESSION_KEYSET_FILE":     createKeyset(t),
		"OFFLOAD_LIMITER_DIGEST_KEY_FILE": []byte(digestKey + "\n"),
	} {
		env[variable] = filepath.Join(folder, filepath.Base(env[variable]))
		require.NoError(t, os.WriteFile(env[variable], content, 0o400))
	}
	process := harness.StartSharing(t, env.With(harness.Env{"OFFLOAD_REDIS_URL": redis.URL(),
		"OFFLOAD_HTTP_ADDR": ":0"}))
	process.RequireHealthy(t)
	process.Issue(t, "install-12345")
	assert.Empty(t, process.Log.Of("configuration_warning"), "%s", process.Log.Text())
	assert.Zero(t, process.Stop(t))
}
