package console_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/offload/sessiond/adapters/http/console"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/proof"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/domain/token"
	"github.com/offload/sessiond/ports"
)

// headline returns the headline of a page.
func headline(t *testing.T, page string) string {
	t.Helper()
	found := regexp.MustCompile(`<h2 id="status">(.*?)</h2>`).FindStringSubmatch(page)
	require.NotNil(t, found)
	return html.UnescapeString(found[1])
}

// notice is what is wrong, in the form for machines.
type notice struct{ Status, Summary, Remedy, Runbook string }

// decoded is a part of the form for machines.
type decoded struct {
	Status  string
	Notices []notice
}

// json returns the form for machines as it is at least a second later.
func (w *world) json(t *testing.T) (read decoded) {
	t.Helper()
	w.clock.Advance(time.Second)
	require.NoError(t, json.Unmarshal(w.send("GET", console.PathJSON, "localhost").Body.Bytes(),
		&read))
	return read
}

const documents = "../../../cmd/sessiond/"

// requireRunbookEntry checks that a notice names an entry of the runbook, unless there is nothing
// to do, and is at least as bad as the alert of that name.
func requireRunbookEntry(t *testing.T, n notice) {
	t.Helper()
	if n.Status == "info" {
		assert.Empty(t, n.Runbook)
		return
	}
	require.NotEmpty(t, n.Runbook, n.Summary)
	runbook, err := os.ReadFile(documents + "docs/runbook.md")
	require.NoError(t, err)
	entry := regexp.MustCompile("(?m)^(##+ |\\|.*`)" + n.Runbook + "(`.*\\|)?$")
	assert.True(t, entry.Match(runbook), "the runbook has no entry %s: %s", n.Runbook, n.Summary)
	rules, err := os.ReadFile(documents + "deploy/prometheus/rules.yml")
	require.NoError(t, err)
	_, rule, isAlert := strings.Cut(string(rules), "- alert: "+n.Runbook+"\n")
	if !isAlert {
		return
	}
	_, severity, _ := strings.Cut(rule, "severity: ")
	if strings.HasPrefix(severity, "critical") {
		assert.Equal(t, "critical", n.Status, n.Summary)
	}
}

// TestNoticeLastsAsLongAsItsCondition checks that each condition becomes the headline of the page,
// and disappears from it when the condition has ended.
func TestNoticeLastsAsLongAsItsCondition(t *testing.T) {
	shown := func(w *world, want, status string) {
		t.Helper()
		assert.Equal(t, want, headline(t, w.page(t)))
		decoded := w.json(t)
		assert.Equal(t, status, decoded.Status)
		for _, notice := range decoded.Notices {
			requireRunbookEntry(t, notice)
		}
	}
	well := func(w *world) {
		t.Helper()
		shown(w, "All is well", "ok")
	}
	t.Run("not ready", func(t *testing.T) {
		w := newWorld(t)
		(*w.readiness)[0] = ports.Condition{Name: "service", Detail: "stopping"}
		shown(w, "Not ready: stopping", "critical")
	})
	for policy, want := range map[ports.OutagePolicy]string{
		ports.OutageLocal: "each replica limits by itself", ports.OutageDeny: "no sessions are issued",
		ports.OutageAllow: "nothing is limited",
	} {
		t.Run("outage under "+policy.String(), func(t *testing.T) {
			w := newWorld(t)
			w.record(1, ports.LimiterOutageStarted{Policy: policy, Cause: errors.New("refused <here>")})
			w.clock.Advance(3 * time.Minute)
			shown(w, "The shared storage (redis) is out: "+want, "critical")
			page := w.page(t)
			assert.Contains(t, page, "Since 12:00:00 (3 min 3 s ago)")
			assert.Contains(t, page, "Cause: refused &lt;here&gt;")
			w.record(1, ports.LimiterOutageEnded{Policy: policy})
			well(w)
			assert.Contains(t, w.page(t), "The shared storage came back")
		})
	}
	t.Run("no key", func(t *testing.T) {
		w := newWorld(t)
		w.put(t, keys.NewHS256("next", []byte(secretText),
			keys.Plan{SignFrom: noon.Add(20*time.Minute + time.Second)}))
		shown(w, "No key signs: no sessions are issued", "critical")
		assert.Contains(t, w.page(t), "The next key signs 12:20:01 (in 19 min)")
		w.clock.Advance(20 * time.Minute)
		well(w)
	})
	t.Run("no key soon", func(t *testing.T) {
		w := newWorld(t)
		w.put(t, keys.NewHS256("last", []byte(secretText),
			keys.Plan{VerifyUntil: noon.Add(time.Hour)}))
		shown(w, "No key will sign from 13:00:00 (in 59 min)", "attention")
	})
	t.Run("a rotation", func(t *testing.T) {
		w := newWorld(t)
		w.put(t, keys.NewHS256("old", []byte(secretText), keys.Plan{}),
			keys.NewHS256("new", []byte(secretText+"2"),
				keys.Plan{SignFrom: noon.Add(20*time.Minute + time.Second)}))
		well(w)
		assert.Contains(t, w.page(t),
			"A rotation is under way: the key new signs from 12:20:01 (in 19 min)")
	})
	t.Run("limits", func(t *testing.T) {
		w := newWorld(t)
		w.record(200, ports.SessionIssued{})
		w.record(9, ports.IssuanceThrottled{Dimension: throttle.ByAddress})
		well(w)
		w.record(41, ports.IssuanceThrottled{Dimension: throttle.ByNetwork})
		shown(w, "Limits refuse 20 % of requests, most by network", "attention")
		w.clock.Advance(2 * time.Minute)
		well(w)
		assert.Contains(t, w.page(t), `<td class="number hit">41</td>`, "the table goes further back")
	})
	t.Run("limits that are observed", func(t *testing.T) {
		w := newWorld(t, func(p *console.Parts) { p.Mode = ports.Observe })
		w.record(100, ports.SessionIssued{})
		w.record(20, ports.IssuanceThrottled{Mode: ports.Observe})
		shown(w, "Limits would refuse 20 % of requests, most by ip", "attention")
		assert.Contains(t, w.page(t), "<strong>Over a limit, but served</strong>")
		assert.NotContains(t, w.page(t), "Refused requests")
	})
	t.Run("load", func(t *testing.T) {
		w := newWorld(t)
		w.record(7, ports.RequestsShed{Budget: ports.BudgetWaiting})
		shown(w, "Load is shed: the budget waiting is reached", "attention")
		w.clock.Advance(2 * time.Minute)
		well(w)
	})
	t.Run("files", func(t *testing.T) {
		w := newWorld(t)
		w.record(1, ports.ReloadFailed{Material: ports.MaterialKeys, Cause: errors.New("not JSON")})
		shown(w, "Keyset: the changed files cannot be used", "critical")
		assert.Contains(t, w.page(t), "→ Repair the files.")
		w.record(1, ports.Reloaded{Content: ports.KeysContent{}})
		well(w)
		for material, status := range map[ports.Material]string{
			ports.MaterialTLS: "attention", ports.MaterialRedisTLS: "critical"} {
			w := newWorld(t)
			w.record(1, ports.ReloadFailed{Material: material, Cause: errors.New("not PEM"),
				Remedy: "write PEM"})
			assert.Equal(t, status, w.json(t).Status)
			requireRunbookEntry(t, w.json(t).Notices[0])
			assert.Contains(t, w.page(t), "→ Write PEM.")
		}
	})
	t.Run("certificate", func(t *testing.T) {
		w := newWorld(t, func(p *console.Parts) {
			p.CertificateEnds = func() time.Time { return noon.Add(8 * 24 * time.Hour) }
		})
		well(w)
		w.clock.Advance(2 * 24 * time.Hour)
		assert.Contains(t, headline(t, w.page(t)), "The certificate ends 24 Feb 12:00 (in 5 d 23 h)")
		assert.Equal(t, "attention", w.json(t).Status)
		w.clock.Advance(6*24*time.Hour - time.Hour)
		shown(w, "The certificate ends 12:00:00 (in 59 min)", "critical")
		w.clock.Advance(time.Hour)
		shown(w, "The certificate has ended", "critical")
	})
	t.Run("storage", func(t *testing.T) {
		w := newWorld(t)
		w.record(1, ports.LimiterMisconfigured{Problem: "evicts keys"})
		shown(w, "The shared storage is misconfigured: limits may not hold", "attention")
		assert.Contains(t, w.page(t), "<p>REDIS evicts keys.</p>")
		w.record(1, ports.LimiterRepaired{})
		well(w)
		assert.Contains(t, w.page(t), "is no longer misconfigured")
	})
	t.Run("storage that comes and goes", func(t *testing.T) {
		w := newWorld(t)
		for range 3 {
			well(w)
			w.record(1, ports.LimiterOutageStarted{Cause: errors.New("refused")})
			w.record(1, ports.LimiterOutageEnded{})
		}
		shown(w, "The shared storage (redis) comes and goes", "attention")
		w.clock.Advance(16 * time.Minute)
		well(w)
	})
	t.Run("limiter in memory", func(t *testing.T) {
		w := newWorld(t)
		w.forgot = w.clock.Instant()
		shown(w, "The limiter's memory is full: limits do not hold", "attention")
		w.clock.Advance(time.Minute)
		well(w)
	})
	t.Run("log", func(t *testing.T) {
		w := newWorld(t)
		w.missing = 1234
		shown(w, "The log is not read: 1\u202f234 lines are lost", "attention")
		w.missing = 0
		well(w)
	})
	t.Run("requests that fail", func(t *testing.T) {
		w := newWorld(t)
		for range 500 {
			w.recorder.Answered(http.StatusOK)
		}
		for range 9 {
			w.recorder.Answered(http.StatusInternalServerError)
		}
		well(w)
		w.recorder.Answered(http.StatusServiceUnavailable)
		shown(w, "1 % of requests fail (5xx)", "critical")
		assert.Contains(t, w.page(t), "Failed requests: 10 in 15 minutes")
		for range 500 {
			w.recorder.Answered(http.StatusOK)
		}
		well(w)
	})
	t.Run("unknown keys", func(t *testing.T) {
		w := newWorld(t)
		for range 200 {
			w.recorder.Answered(http.StatusUnauthorized)
		}
		w.record(200, ports.TokenVerified{Reason: token.ReasonExpired})
		w.record(9, ports.TokenVerified{Reason: token.ReasonUnknownKey})
		well(w)
		w.record(1, ports.TokenVerified{Reason: token.ReasonUnknownKey})
		shown(w, "Tokens name keys that are not in the keyset", "attention")
	})
	t.Run("proofs", func(t *testing.T) {
		w := newWorld(t)
		w.record(100, ports.ProofJudged{})
		w.record(20, ports.ProofJudged{Reason: proof.ReasonStale})
		well(w)
		w.record(30, ports.ProofJudged{Reason: proof.ReasonURI})
		shown(w, "Many proofs of device keys are rejected", "attention")
		assert.Contains(t, w.page(t), "50 of 150 in the last minute")
		w.clock.Advance(2 * time.Minute)
		well(w)
	})
	t.Run("proxy", func(t *testing.T) {
		w := newWorld(t)
		w.record(1, ports.ForwardedByStranger{})
		shown(w, "A proxy is missing in the configuration", "attention")
		assert.Contains(t, w.page(t), "add it to PROXIES")
		w.clock.Advance(16 * time.Minute)
		well(w)
	})
	t.Run("few installations and many", func(t *testing.T) {
		w := newWorld(t)
		install := func(n byte) ports.Event {
			return ports.IssuanceThrottled{Install: throttle.Subject{1: 1, 0: n}}
		}
		for n := range byte(200) {
			w.record(1, install(n))
		}
		assert.Contains(t, w.page(t), "200 of 200 in the last minute, 200 of them by ip. Many "+
			"installations share them.")
		w.record(300, install(255))
		assert.Contains(t, w.page(t), "Half of them fall on 1 installation.")
		assert.Contains(t, w.page(t), "61 % of 500 refusals in 10 to 15 minutes")
	})
	t.Run("the worst comes first", func(t *testing.T) {
		w := newWorld(t)
		w.record(50, ports.IssuanceThrottled{})
		w.record(1, ports.LimiterOutageStarted{Cause: errors.New("refused")})
		shown(w, "The shared storage (redis) is out: each replica limits by itself", "critical")
		assert.Contains(t, w.page(t), `<p class="summary">Limits refuse 100 % of requests`)
		assert.Contains(t, w.page(t), "Critical · ready · 1 more below")

		w.missing = 1
		w.record(1, ports.ReloadFailed{Material: ports.MaterialKeys, Cause: errors.New("not JSON")})
		w.put(t, keys.NewHS256("next", []byte(secretText),
			keys.Plan{SignFrom: noon.Add(20 * time.Minute)}))
		shown(w, "No key signs: no sessions are issued", "critical")
		var order []string
		for _, notice := range w.json(t).Notices {
			order = append(order, notice.Runbook)
		}
		assert.Equal(t, []string{"SessiondNoSigner", "SessiondStorageOut",
			"SessiondKeysReloadFailing", "SessiondRefusalsUnusual", "SessiondLogLinesLost"}, order)
	})
}

// TestDurationsIgnoreStepsOfTheWallClock steps the wall clock while an outage lasts: how long it
// has lasted stays true.
func TestDurationsIgnoreStepsOfTheWallClock(t *testing.T) {
	for _, step := range []time.Duration{-3 * time.Hour, 50 * time.Hour} {
		w := newWorld(t)
		w.record(1, ports.LimiterOutageStarted{Cause: errors.New("refused")})
		w.clock.Advance(2 * time.Minute)
		w.clock.Step(step)
		page := w.page(t)
		assert.Equal(t, 3, strings.Count(page, "(2 min 1 s ago)"),
			"in the notice, the storage and the history")
		assert.NotContains(t, page, "(in ")
		w.clock.Advance(time.Minute)
		w.record(1, ports.LimiterOutageEnded{})
		assert.Contains(t, w.page(t), "after 3 min 1 s")
	}
}

func TestLostTracesAreANoticeUntilTheyAreExported(t *testing.T) {
	w := newWorld(t)
	w.record(1, ports.TracesLost{Cause: errors.New("refused")})
	assert.Equal(t, "Traces are lost", headline(t, w.page(t)))
	requireRunbookEntry(t, w.json(t).Notices[0])
	w.record(1, ports.TracesExported{})
	assert.Equal(t, "All is well", headline(t, w.page(t)))
	w.record(1, ports.TraceFull{})
	w.record(1, ports.TraceFull{Cause: errors.New("no space left on device")})
	page := w.page(t)
	for _, text := range []string{"Traces are not exported<span>refused</span>",
		"Traces are exported again</p>",
		"The trace of requests for a session has ended<span>it has reached its greatest size</span>",
		"The trace of requests for a session has ended<span>no space left on device</span>"} {
		assert.Equal(t, 1, strings.Count(page, text), text)
	}
}
