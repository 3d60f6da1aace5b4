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

	"github.com/offload/sessiond/test/harness/redisserver"
)

// quarry is what may be found in no log and no storage, by what it is.
func quarry(so *tally) map[string]string {
	hunted := map[string]string{
		"an install id": idMark, "an IPv4 address": fourMark, "an IPv6 address": sixMark,
		"the same without leading zeroes": "2001:0db8:",
		"the storage's password":          password, "the digest key": digestKey,
		"the session secret": sessionSecret, "a URL": "redis://",
	}
	for _, name := range []string{"the digest key", "the session secret"} {
		raw, err := base64.StdEncoding.DecodeString(hunted[name])
		if err == nil {
			hunted[name+" as bytes"] = string(raw)
		}
	}
	for i, token := range so.tokens {
		payload, signature, _ := strings.Cut(token, ".")
		hunted[fmt.Sprint("payload ", i)], hunted[fmt.Sprint("signature ", i)] = payload, signature
	}
	return hunted
}

// hunt lists what of the quarry is in a place, as it is, in hex, or in base64 of either alphabet at
// any offset.
func hunt(quarry map[string]string, place string) (found []string) {
	lower := strings.ToLower(place)
	for name, text := range quarry {
		forms := []string{text}
		for shift := range 3 {
			if plain := strings.Repeat("\x00", shift) + text; len(text) > 5 {
				encoded := base64.RawStdEncoding.EncodeToString([]byte(plain))
				inner := encoded[(shift*8+5)/6 : len(plain)*8/6]
				forms = append(forms, inner, strings.NewReplacer("+", "-", "/", "_").Replace(inner))
			}
		}
		for _, form := range forms {
			if strings.Contains(place, form) {
				found = append(found, name)
			}
		}
		if strings.Contains(lower, hex.EncodeToString([]byte(text))) {
			found = append(found, name+" in hex")
		}
	}
	return found
}

// requireSecret looks for what must stay hidden in all logs and everything that the storage holds.
func (w *world) requireSecret(t testing.TB, so *tally) {
	t.Helper()
	hunted := quarry(so)
	for i, r := range w.replicas {
		log := r.Log.Text()
		assert.Empty(t, hunt(hunted, log), "the log of replica %d", i)
		assert.NotContains(t, log, w.store.addresses[i], "the log of replica %d", i)
	}
	looked := 0
	for _, node := range w.store.nodes() {
		looked += requireStored(t, node, hunted,
			windowSeconds*time.Second+time.Second+w.store.stepped)
	}
	assert.Positive(t, looked, "what was granted is there")
}

// keyForm is a digest of 128 bits in base64url, and a window.
var keyForm = regexp.MustCompile(`^sessiond:[A-Za-z0-9_-]{22}:[0-9a-z]+$`)

// requireStored looks at all that a server holds: every key has the form, expires within longest,
// and gives nothing away. It tells how many keys that are.
func requireStored(t testing.TB, node *redisserver.Server, hunted map[string]string,
	longest time.Duration) (keys int) {
	t.Helper()
	if !strings.Contains(info(t, node, "replication"), "role:master") {
		return 0
	}
	client := node.Client(t)
	ctx := context.Background()
	var all strings.Builder
	for cursor := uint64(0); ; {
		entry, err := client.Do(ctx, client.B().Scan().Cursor(cursor).Count(
			1000).Build()).AsScanEntry()
		require.NoError(t, err)
		for _, key := range entry.Elements {
			left, err := client.Do(ctx, client.B().Pttl().Key(key).Build()).AsInt64()
			require.NoError(t, err)
			const gone = -2
			if left == gone {
				continue
			}
			keys++
			assert.Regexp(t, keyForm, key)
			assert.GreaterOrEqual(t, left, int64(0), "%s expires", key)
			assert.LessOrEqual(t, time.Duration(left)*time.Millisecond, longest)
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
	assert.Empty(t, hunt(hunted, all.String()), "the storage")
	return keys
}

// TestStoreHoldsNoSecret looks at everything that a storage holds, on disk too, and at the most
// talkative logs, after many clients were served by replicas that lost it for a while.
func TestStoreHoldsNoSecret(t *testing.T) {
	t.Parallel()
	s := oneServer(t)
	env := environment(s.url(0, password), local, patient)
	env["OFFLOAD_LOG_LEVEL"] = "debug"
	w := &world{policy: local, timeout: patient, store: s,
		replicas: [2]*replica{startReplica(t, env), startReplica(t, env)}}
	w.load = startLoad(t, local, w.replicas[:]...)
	w.load.more(t, goOn)
	s.server.Kill()
	w.awaitOutage(t)
	w.load.more(t, goOn)
	s.server.Restart(t)
	w.awaitSharing(t)
	w.load.more(t, goOn)
	w.load.stop()

	so := w.load.soFar()
	require.Len(t, so.tokens, 50)
	w.requireSecret(t, &so)
	for _, r := range w.replicas {
		assert.NotEmpty(t, r.Log.Of("http_request"), "the log is at its most talkative")
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
	assert.Contains(t, disk.String(), "sessiond:", "grants are on disk")
	assert.Empty(t, hunt(quarry(&so), disk.String()), "on disk")
}

// TestHuntFinds: a hunt that finds nothing must be one that would.
func TestHuntFinds(t *testing.T) {
	so := &tally{tokens: []string{"cGF5bG9hZA.c2lnbmF0dXJl"}}
	for name, text := range quarry(so) {
		for _, place := range []string{
			"x" + text + "x", hex.EncodeToString([]byte("x" + text)),
			base64.StdEncoding.EncodeToString([]byte("x" + text + "x")),
			base64.URLEncoding.EncodeToString([]byte("xy" + text + "x")),
		} {
			assert.NotEmpty(t, hunt(map[string]string{name: text}, place), "%s in %s", name, place)
		}
	}
	assert.Empty(t, hunt(quarry(so),
		`{"event":"limiter_outage_started","cause":"redis: unreachable: connection refused"}`))
}
