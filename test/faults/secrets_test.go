package faults_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/redisserver"
)

// secrets returns the texts that no log and no storage may contain, by description.
func secrets(counted *tally) map[string]string {
	texts := map[string]string{
		"an install id":                       idMark,
		"an IPv4 address":                     fourMark,
		"an IPv6 address":                     sixMark,
		"an IPv6 address with leading zeroes": "2001:0db8:",
		"the storage's password":              password,
		"the Sentinel's password":             sentinelPassword,
		"the digest key":                      digestKey,
		"the session secret":                  sessionSecret,
		"a URL":                               "redis://",
	}
	for _, name := range []string{"the digest key", "the session secret"} {
		raw, err := base64.StdEncoding.DecodeString(texts[name])
		if err == nil {
			texts[name+" as bytes"] = string(raw)
		}
	}
	for i, token := range counted.tokens {
		payload, signature, _ := strings.Cut(token, ".")
		texts[fmt.Sprint("payload ", i)], texts[fmt.Sprint("signature ", i)] = payload, signature
	}
	return texts
}

// find lists the secrets that a text contains: plain, in hex, or in base64 of either alphabet at
// any offset.
func find(secrets map[string]string, in string) (found []string) {
	lower := strings.ToLower(in)
	for name, text := range secrets {
		forms := []string{text}
		for shift := range 3 {
			if plain := strings.Repeat("\x00", shift) + text; len(text) > 5 {
				encoded := base64.RawStdEncoding.EncodeToString([]byte(plain))
				inner := encoded[(shift*8+5)/6 : len(plain)*8/6]
				forms = append(forms, inner, strings.NewReplacer("+", "-", "/", "_").Replace(inner))
			}
		}
		for _, form := range forms {
			if strings.Contains(in, form) {
				found = append(found, name)
			}
		}
		if strings.Contains(lower, hex.EncodeToString([]byte(text))) {
			found = append(found, name+" in hex")
		}
	}
	return found
}

// requireNoSecrets requires that no log and no server contains a secret.
func (w *world) requireNoSecrets(t testing.TB, counted *tally) {
	t.Helper()
	texts := secrets(counted)
	for i, r := range w.replicas {
		log := r.Log.Text()
		assert.Empty(t, find(texts, log), "the log of replica %d", i)
		assert.NotContains(t, log, w.addresses[i], "the log of replica %d", i)
	}
	keys := 0
	for _, node := range w.nodes() {
		keys += requireStored(t, node, texts,
			windowSeconds*time.Second+time.Second+w.stepped)
	}
	assert.Positive(t, keys, "keys of grants")
}

// keyForm matches a key: a digest of 128 bits in base64url, and a window.
var keyForm = regexp.MustCompile(`^sessiond:[A-Za-z0-9_-]{22}:[0-9a-z]+$`)

// requireStored requires that every key of a server has the right form, expires within longest and
// contains no secret. It returns the number of keys, 0 for a replica.
func requireStored(t testing.TB, node *redisserver.Server, secrets map[string]string,
	longest time.Duration) (keys int) {
	t.Helper()
	if !strings.Contains(info(t, node, "replication"), "role:master") {
		return 0
	}
	client := node.Client(t)
	ctx, cancel := context.WithTimeout(context.Background(), harness.Timeout)
	defer cancel()
	var all strings.Builder
	for cursor := uint64(0); ; {
		scan := client.B().Scan().Cursor(cursor).Count(1000).Build()
		entry, err := client.Do(ctx, scan).AsScanEntry()
		require.NoError(t, err)
		for _, key := range entry.Elements {
			ttl, err := client.Do(ctx, client.B().Pttl().Key(key).Build()).AsInt64()
			require.NoError(t, err)
			const gone = -2
			if ttl == gone {
				continue
			}
			keys++
			assert.Regexp(t, keyForm, key)
			assert.GreaterOrEqual(t, ttl, int64(0), "%s expires", key)
			assert.LessOrEqual(t, time.Duration(ttl)*time.Millisecond, longest)
			for _, command := range []rueidis.Completed{
				client.B().Getrange().Key(key).Start(0).End(-1).Build(),
				client.B().Dump().Key(key).Build(),
			} {
				value, err := client.Do(ctx, command).ToString()
				if !rueidis.IsRedisNil(err) {
					require.NoError(t, err)
				}
				all.WriteString(key + "\n" + value + "\n")
			}
		}
		if cursor = entry.Cursor; cursor == 0 {
			break
		}
	}
	assert.Empty(t, find(secrets, all.String()), "the storage")
	return keys
}

// TestStorageContainsNoSecrets searches everything that a storage holds, also on disk, and the logs
// at the debug level, after replicas that lost the storage for a while served many clients.
func TestStorageContainsNoSecrets(t *testing.T) {
	t.Parallel()
	s := oneServer(t)
	env := environment(s.url(0, password), local, testTimeout)
	env["OFFLOAD_LOG_LEVEL"] = "debug"
	w := &world{
		policy: local, timeout: testTimeout, store: s,
		replicas: [2]*replica{startSharingReplica(t, env), startSharingReplica(t, env)},
	}
	w.load = startLoad(t, rules{policy: local}, w.replicas[:]...)
	w.load.more(t, phaseAnswers)
	s.server.Kill()
	w.awaitOutage(t)
	w.load.more(t, phaseAnswers)
	s.server.Restart(t)
	w.awaitRecovery(t)
	w.load.more(t, phaseAnswers)
	w.load.stop(t)

	counted := w.load.soFar()
	require.Len(t, counted.tokens, 50)
	w.requireNoSecrets(t, &counted)
	for _, r := range w.replicas {
		assert.NotEmpty(t, r.Log.Of("http_request"), "the log has the debug level")
	}
	answer := s.server.Do(t, "CONFIG", "GET", "dir")
	config, err := answer.AsStrMap()
	require.NoError(t, err)
	var disk strings.Builder
	require.NoError(t, filepath.WalkDir(config["dir"],
		func(path string, entry os.DirEntry, err error) error {
			if err == nil && entry.Type().IsRegular() {
				content, failed := os.ReadFile(path)
				disk.Write(content)
				return failed
			}
			return err
		}))
	assert.Contains(t, disk.String(), "sessiond:", "the grants are on disk")
	assert.Empty(t, find(secrets(&counted), disk.String()), "on disk")
}

// TestFindsSecrets shows that find would find what the other tests search for.
func TestFindsSecrets(t *testing.T) {
	counted := &tally{tokens: []string{"cGF5bG9hZA.c2lnbmF0dXJl"}}
	for name, text := range secrets(counted) {
		for _, in := range []string{
			"x" + text + "x", hex.EncodeToString([]byte("x" + text)),
			base64.StdEncoding.EncodeToString([]byte("x" + text + "x")),
			base64.URLEncoding.EncodeToString([]byte("xy" + text + "x")),
		} {
			assert.NotEmpty(t, find(map[string]string{name: text}, in), "%s in %s", name, in)
		}
	}
	assert.Empty(t, find(secrets(counted),
		`{"event":"limiter_outage_started","cause":"redis: unreachable: connection refused"}`))
}
