package docs

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
)

// walkPage leads from nothing to production.
const walkPage = "cmd/sessiond/docs/production.md"

// TestWalk follows the page from nothing to production: its commands, as written and in their
// order, in one shell, with a built service, nginx, curl and openssl. A client holds sessions that
// were issued before, during and after the rotation, and none is lost over the rotation, the
// reloads of nginx, the restart and the restored keyset.
func TestWalk(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, walkPage))
	require.NoError(t, err)
	page := pages(t)[walkPage]
	assert.Len(t, page.Blocks, strings.Count(string(text), "```console\n"),
		"every command of the page is run")

	w := newWalk(t)
	done := map[string]bool{}
	for _, block := range page.Blocks {
		require.True(t, block.isStep(), block.World)
		_, step, _ := strings.Cut(block.World, ", ")
		run := func() { w.run(t, block) }
		perform, known := steps[step]
		require.True(t, known || step == "", "unknown step %q", step)
		if known {
			perform(t, w, run)
			w.holder.settle(t, "after the step: "+step)
		} else {
			run()
		}
		done[step] = true
	}
	for step := range steps {
		require.True(t, done[step], "the page has no step %q", step)
	}
	w.holder.finish(t)
}

// steps are what the test does before and after the blocks that have these names.
var steps = map[string]func(t *testing.T, w *walk, run func()){
	"the first session": func(t *testing.T, w *walk, run func()) {
		run()
		w.holder.start(t, w.client(t))
		w.holder.issue(t, "before-rotation")
	},
	"a rotation": func(t *testing.T, w *walk, run func()) {
		run()
		w.holder.issue(t, "during-rotation")
	},
	"after the takeover": func(t *testing.T, w *walk, run func()) {
		old := w.holder.held("before-rotation").key
		harness.Poll(t, "the new key signs", func() bool {
			signer := w.signer(t)
			return signer != old && strings.Contains(w.log(t), `"`+signer+`"`)
		})
		run()
		w.holder.issue(t, "after-rotation")
		assert.Equal(t, w.signer(t), w.holder.held("after-rotation").key)
		// The installation still has its session of the old key, and renews with it.
		w.holder.renew(t, "before-rotation", "renewed")
		assert.Equal(t, w.signer(t), w.holder.held("renewed").key)
	},
	"an emergency": func(t *testing.T, w *walk, run func()) {
		// Keys that sign from the same second are listed by their ids.
		taken := time.Now()
		harness.Poll(t, "the takeover is over a second ago", func() bool {
			return time.Since(taken) > time.Second
		})
		leaked := w.signer(t)
		ended := w.holder.release(leaked)
		require.NotEmpty(t, ended)
		run()
		for _, token := range ended {
			harness.Poll(t, "sessions of the leaked key are invalid", func() bool {
				answer := w.client(t).Send(t, http.MethodGet, "/orders", "", harness.Bearer(token))
				return answer.Status == http.StatusUnauthorized && answer.Code() == "invalid_token"
			})
		}
		w.holder.issue(t, "after-emergency")
		assert.NotEqual(t, leaked, w.holder.held("after-emergency").key)
	},
	"a restart": func(t *testing.T, w *walk, run func()) {
		before := w.read(t, "var/lib/sessiond/pid")
		run()
		assert.NotEqual(t, before, w.read(t, "var/lib/sessiond/pid"))
		w.holder.issue(t, "after-restart")
	},
	"a new certificate": func(t *testing.T, w *walk, run func()) {
		before := w.served(t)
		w.run(t, w.certify)
		run()
		harness.Poll(t, "nginx serves the new certificate", func() bool {
			return !w.served(t).Equal(before)
		})
	},
	"a loss": func(t *testing.T, w *walk, run func()) {
		require.NoError(t, os.Remove(w.path("etc/sessiond/keyset.json")))
		harness.Poll(t, "the service misses its keyset", func() bool {
			return strings.Contains(w.log(t), `"keys_reload_failed"`)
		})
		w.holder.settle(t, "without the keyset")
		run()
		w.run(t, w.restart) // with the keyset that was restored, not the one in memory
		w.holder.issue(t, "after-loss")
	},
}

// run runs the commands of a block and compares what they print.
func (w *walk) run(t *testing.T, block Block) {
	t.Helper()
	if block.World == "walk, a restart" {
		w.restart = block
	}
	for i, command := range block.Commands {
		if strings.Contains(command, "openssl req") {
			w.certify = Block{Commands: []string{command}}
		}
		output := w.session.run(t, w.here.Replace(command))
		w.transcript.compare(t, command, block.Output[i], w.there.Replace(output))
	}
}

var signing = regexp.MustCompile(`(?m)^(\S+) +HS256 +signing`)

// signer returns the id of the key that signs now.
func (w *walk) signer(t *testing.T) string {
	t.Helper()
	list := w.session.run(t, "sessiond keys list")
	found := signing.FindStringSubmatch(list)
	require.NotNil(t, found, "no key signs:\n%s", list)
	return found[1]
}
