//go:build languages

package console_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/browser"
)

// pictures is where the screenshots go. git ignores it.
const pictures = "../../../.build/console"

// TestBrowser shows the console in each state to a browser whose scripts are off: narrow and wide,
// light and dark.
func TestBrowser(t *testing.T) {
	require.NoError(t, os.MkdirAll(pictures, 0o755))
	checker, err := os.ReadFile("../../../.tools/console-axe/node_modules/axe-core/axe.min.js")
	require.NoError(t, err, "run make test-long, which installs axe-core")
	w := newWorld(t)
	look := &looker{t: t, page: browser.NewPage(t), checker: string(checker), world: w}

	w.play(180, 0)
	look.at("calm", "All is well")

	w.play(24, 14) // as many refusals in the last minute as the headline says
	look.at("limits", "Limits refuse 56 % of requests, most by install_id")

	w.play(24, 0)
	w.keyset.Put(t, harness.HS256Key("2026-01", harness.StrongSecret,
		harness.Noon.Add(-30*24*time.Hour)),
		harness.EdDSAKey("ed-2026-02", 7, w.Clock.Now().Add(20*time.Minute)))
	w.Log.Await(t, "keys_reloaded")
	look.at("rotation", "All is well")

	w.redis.Kill()
	harness.Poll(t, "the service notices that Redis is dead", func() bool {
		w.create(1)
		return len(w.Log.Of("limiter_outage_started")) > 0
	})
	w.play(20, 0)
	look.at("redis dead", "The shared storage (redis) is out: each replica limits by itself")

	w.redis.Restart(t)
	w.Log.Await(t, "limiter_outage_ended")
	w.play(6, 0)
	look.at("redis back", "All is well")

	w.keyset.Write(t, "{", 0o600)
	w.Log.Await(t, "keys_reload_failed")
	look.at("broken keyset", "Keyset: the changed files cannot be used")

	w.redis.Kill()
	w.play(24, 14) // the replica limits by itself, and takes the abuser for a new client
	look.at("several at once", "The shared storage (redis) is out: each replica limits by itself")

	w.keyset.Put(t, harness.HS256Key("2026-03", harness.StrongSecret, w.Clock.Now().Add(time.Hour)))
	w.Log.Await(t, "keys_signer_missing")
	look.at("no key signs", "No key signs: no sessions are issued")

	look.page.Go(t, "http://"+w.Ops+"/")
	look.page.AwaitReload(t)
	look.page.Go(t, "http://"+w.Ops+"/?paused")
	var refreshes int
	look.page.Evaluate(t, `document.querySelectorAll("meta[http-equiv=refresh]").length`, &refreshes)
	assert.Zero(t, refreshes)
}

// looker looks at the console.
type looker struct {
	t       *testing.T
	page    *browser.Page
	checker string
	world   *world
}

// seen is what the page looks like.
type seen struct {
	Status         string
	Scroll, Window int
	// Wide are the elements that are wider than their place.
	Wide   []string
	Styled bool
}

const look = `({
	status: document.querySelector("#status").textContent,
	scroll: document.documentElement.scrollWidth,
	window: window.innerWidth,
	styled: document.styleSheets.length === 1 && document.styleSheets[0].cssRules.length > 10,
	wide: [...document.querySelectorAll("body *")].filter(e =>
		e.getBoundingClientRect().right > window.innerWidth + 1 ||
		e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0 && getComputedStyle(e).display !== "inline"
	).map(e => e.tagName + "." + e.getAttribute("class") + ": " + e.textContent.trim().slice(0, 40)),
})`

// violations has axe-core judge the page.
const violations = `axe.run(document, {resultTypes: ["violations"]}).then(found =>
	found.violations.filter(v => v.impact === "serious" || v.impact === "critical").map(v =>
		v.id + ": " + v.nodes.map(n => n.html.slice(0, 120) + " " + n.failureSummary).join("; ")))`

// at looks at the console in a state, whose headline must be as given.
func (l *looker) at(state, headline string) {
	l.t.Helper()
	l.world.Clock.Advance(time.Second) // no earlier page is shared
	for _, width := range []int{375, 1280} {
		for _, dark := range []bool{false, true} {
			name := fmt.Sprintf("%s %d light", state, width)
			if dark {
				name = fmt.Sprintf("%s %d dark", state, width)
			}
			l.page.Look(l.t, width, 800, dark)
			l.page.Go(l.t, "http://"+l.world.Ops+"/?paused")
			var got seen
			l.page.Evaluate(l.t, look, &got)
			assert.Equal(l.t, headline, got.Status, name)
			assert.True(l.t, got.Styled, name)
			assert.LessOrEqual(l.t, got.Scroll, got.Window, name)
			assert.Empty(l.t, got.Wide, name)
			l.page.Screenshot(l.t, filepath.Join(pictures, name+".png"))
			l.page.Evaluate(l.t, l.checker+";0", nil)
			var serious []string
			l.page.Evaluate(l.t, violations, &serious)
			assert.Empty(l.t, serious, name)
			assert.Empty(l.t, l.page.Failures(), name)
		}
	}
}
