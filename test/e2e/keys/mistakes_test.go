package keys_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/test/harness"
)

// What operators do wrong with keysets, and what the service says.

// TestKeysEndEarly plans a rotation without the environment of the service, for a shorter lifetime:
// the service warns at its start and on reload, until the keyset is mended.
func TestKeysEndEarly(t *testing.T) {
	t.Parallel()
	set := harness.NewKeyset(t, harness.HS256Key("old", harness.StrongSecret,
		wall().Add(-time.Hour).Truncate(time.Second)))
	planned := harness.Env{"OFFLOAD_SESSION_TTL_SECONDS": "86400"}
	harness.KeysCommand(t, nil, "rotate", "--keyset", string(set), "--kid", "new")
	env := set.Env(planned).With(harness.Env{"OFFLOAD_ENVIRONMENT": "production"})
	service := harness.Start(t, env)
	line := service.Log.AwaitCount(t, "keys_end_early", 1)
	assert.Equal(t, "WARN", line.String("level"))
	assert.Contains(t, line.String("remedy"), "verify_until")
	assert.Contains(t, line.Text, `"old":{"verify_until":"`)
	assert.NotContains(t, line.Text, `"new"`)
	assert.Positive(t, service.Metric(t, "offload_keys_next_change_timestamp_seconds"))

	text, err := os.ReadFile(string(set))
	require.NoError(t, err)
	keyring, err := keys.ParseSet(string(text))
	require.NoError(t, err)
	all := keyring.Keys()
	plan := all[0].Plan()
	ends := plan.VerifyUntil
	plan.VerifyUntil = ends.Add(24 * time.Hour)
	set.Put(t, all[0].WithPlan(plan), all[1])
	service.Log.AwaitCount(t, "keys_reloaded", 1)
	plan.VerifyUntil = ends.Add(time.Hour)
	set.Put(t, all[0].WithPlan(plan), all[1])
	service.Log.AwaitCount(t, "keys_end_early", 2)
	assert.Zero(t, service.Stop(t))
	assert.Len(t, service.Log.Of("keys_end_early"), 2, "not for the mended keyset")
	assert.Empty(t, service.Log.Of("configuration_warning"))
}

// TestLeakedKeyIsReplaced runs the emergency command beside a service, for keys of each algorithm
// and while a rotation is pending: sessions of the leaked key end, and there is no instant without
// a signer.
func TestLeakedKeyIsReplaced(t *testing.T) {
	t.Parallel()
	for _, algorithm := range keys.Algorithms() {
		t.Run(string(algorithm), func(t *testing.T) {
			t.Parallel()
			set := harness.KeysetFile(t.TempDir() + "/keyset.json")
			env := set.Env(harness.Env{"OFFLOAD_ENVIRONMENT": "production"})
			harness.KeysCommand(t, env, "create", "--kid", "leaked", "--alg", string(algorithm))
			harness.KeysCommand(t, env, "rotate", "--kid", "pending")
			service := harness.Start(t, env)
			token := service.Token(t, "install-12345")
			harness.KeysCommand(t, env, "revoke", "leaked", "--replace")
			service.Log.AwaitCount(t, "keys_reloaded", 1)
			refused := service.Current(t, harness.Bearer(token))
			assert.Equal(t, http.StatusUnauthorized, refused.Status)
			assert.Equal(t, "invalid_token", refused.Code())
			stamp := harness.StampOf(t, service.Token(t, "install-12345"))
			assert.NotContains(t, []keys.ID{"leaked", "pending"}, stamp.Kid)
			assert.Zero(t, service.Stop(t))
			assert.Empty(t, service.Log.Of("keys_signer_missing"))
		})
	}
}

// TestFullKeyset adds keys to a keyset that can hold no more. The messages name the command that
// makes room, after which the emergency command succeeds.
func TestFullKeyset(t *testing.T) {
	t.Parallel()
	from := wall().Add(-time.Hour).Truncate(time.Second)
	all := []keys.Key{harness.HS256Key("leaked", harness.StrongSecret, from)}
	for i := range keys.MaxKeys - 1 {
		key := harness.HS256Key(keys.ID(fmt.Sprintf("old-%d", i)),
			fmt.Sprintf("%d-%s", i, harness.OtherSecret), from)
		all = append(all, key.WithPlan(keys.Plan{SignFrom: from, Revoked: true}))
	}
	set := harness.NewKeyset(t, all...)
	before, err := os.ReadFile(string(set))
	require.NoError(t, err)
	for _, command := range [][]string{{"create"}, {"rotate"}, {"revoke", "leaked", "--replace"}} {
		exit := harness.Run(t, set.Env(nil), append([]string{"keys"}, command...)...)
		assert.Equal(t, 1, exit.Status, command)
		assert.Equal(t, "sessiond: keyset file "+string(set)+": there are 256 keys, as many as a "+
			"keyset may have; remove the expired and revoked ones: sessiond keys prune\n", exit.Output,
			command)
	}
	after, err := os.ReadFile(string(set))
	require.NoError(t, err)
	assert.Equal(t, string(before), string(after))
	harness.KeysCommand(t, set.Env(nil), "prune")
	harness.KeysCommand(t, set.Env(nil), "revoke", "leaked", "--replace")
}

// TestSessionsOfLaggingVerifiers shows that a backdated session is valid at once where the clock is
// behind and no skew is allowed, unless its key began to sign later.
func TestSessionsOfLaggingVerifiers(t *testing.T) {
	t.Parallel()
	set := harness.NewKeyset(t, harness.HS256Key("old", harness.StrongSecret,
		harness.Noon.Add(-time.Hour)), harness.HS256Key("new", harness.OtherSecret,
		harness.Noon.Add(time.Minute)))
	service := harness.Serve(t, set.Env(harness.Env{"OFFLOAD_SESSION_BACKDATE_SECONDS": "30"}))
	lagging := harness.ServeAt(t, harness.Noon.Add(-30*time.Second),
		set.Env(harness.Env{"OFFLOAD_SESSION_CLOCK_SKEW_SECONDS": "0"}))
	token := service.Token(t, "install-12345")
	assert.Equal(t, http.StatusOK, lagging.Current(t, harness.Bearer(token)).Status)
	assert.Equal(t, harness.Noon.Unix()-30, harness.StampOf(t, token).Iat)
	service.Clock.Advance(70 * time.Second)
	stamp := harness.StampOf(t, service.Token(t, "install-12345"))
	assert.EqualValues(t, "new", stamp.Kid)
	assert.Equal(t, harness.Noon.Unix()+60, stamp.Iat)
}

// TestKeysReportIsNotWritten creates a key while the disk of the output is full: the error says
// that the key is there, because the repeated command would add another.
func TestKeysReportIsNotWritten(t *testing.T) {
	t.Parallel()
	set := filepath.Join(t.TempDir(), "keyset.json")
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = full.Close() })
	command := exec.Command(harness.Binary(t), "keys", "create", "--keyset", set, "--kid", "first")
	command.Env = []string{"PATH=" + os.Getenv("PATH")}
	var stderr strings.Builder
	command.Stdout, command.Stderr = full, &stderr
	var exit *exec.ExitError
	require.ErrorAs(t, command.Run(), &exit)
	assert.Equal(t, 1, exit.ExitCode())
	assert.Equal(t, "sessiond: the command succeeded, but its report was not written: "+
		"write /dev/stdout: no space left on device\n", stderr.String())
	text, err := os.ReadFile(set)
	require.NoError(t, err)
	keyring, err := keys.ParseSet(string(text))
	require.NoError(t, err)
	assert.Len(t, keyring.Keys(), 1)
}
