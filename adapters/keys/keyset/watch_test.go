package keyset

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/system/clock"
	"github.com/offload/sessiond/adapters/system/follow"
	"github.com/offload/sessiond/adapters/system/securefile"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/ports/portsfake"
)

// recorder records the events of a source.
type recorder struct {
	portsfake.Events
	taken int
}

// take describes the events since the last call: ids for keys in force, the cause for failures. It
// must not be called concurrently.
func (a *recorder) take() []string {
	recorded := a.Recorded()
	events := recorded[a.taken:]
	a.taken = len(recorded)
	var words []string
	for _, event := range events {
		switch e := event.(type) {
		case ports.Reloaded:
			word := "reloaded"
			for _, id := range idsOf(e.Content.(ports.KeysContent).Keyring) {
				word += " " + id
			}
			words = append(words, word)
		case ports.ReloadFailed:
			words = append(words, e.Cause.Error())
		case ports.WatchFailed:
			words = append(words, "watch: "+e.Cause.Error())
		case ports.KeysEndEarly:
			word := "end early"
			for _, early := range e.Keys {
				word += " " + string(early.ID)
			}
			words = append(words, word)
		case ports.SignerMissing:
			words = append(words, "signer missing")
		case ports.SignerFound:
			words = append(words, "signer found")
		}
	}
	return words
}

// fakeWatcher is a follow.Watcher whose changes a test reports.
type fakeWatcher struct {
	signal chan struct{}
	open   atomic.Int32
}

func (*fakeWatcher) Watch(...string) error { return nil }

func (w *fakeWatcher) Changes() <-chan struct{} { return w.signal }

func (w *fakeWatcher) Close() { w.open.Add(-1) }

// fixture is a source of a file with the key first, with a fake watcher, in a synctest bubble.
type fixture struct {
	*Source
	recorder
	watcher fakeWatcher
	path    string
	clock   *portsfake.Clock
	strict  atomic.Bool  // whether all keys are refused
	lists   atomic.Int32 // the version of the lists; 0 if there are none
}

// watch starts a fixture. The caller stops it.
func watch(t *testing.T) *fixture {
	t.Helper()
	w := &fixture{path: filepath.Join(sharedDir(t), "keyset.json")}
	w.watcher.signal = make(chan struct{}, 1)
	write(t, w.path, keysetText(t, "first"), 0o600)
	rules := Rules{Production: true, Accept: func([]keys.Placed) error {
		if w.strict.Load() {
			return errors.New("weak")
		}
		return nil
	}}
	rules.ListsVersion = func() string {
		if version := w.lists.Load(); version > 0 {
			return fmt.Sprint("version ", version)
		}
		return ""
	}
	w.clock = portsfake.NewClock(noon)
	w.Source = newSource(w.path, rules, keyringOf(t, "first"), w.clock, &w.recorder,
		w.newWatcher)
	w.Start(t.Context())
	synctest.Wait()
	return w
}

func (w *fixture) newWatcher() follow.Watcher { w.watcher.open.Add(1); return &w.watcher }

// ids returns the ids of the keys in force.
func (w *fixture) ids() []string { return idsOf(w.Keyring()) }

// change reports a change of the file.
func (w *fixture) change() { w.watcher.signal <- struct{}{} }

// reloadWait is longer than a change needs to take force without events.
const reloadWait = 4 * time.Second

// advance moves the time of the bubble and waits until all goroutines are blocked.
func advance(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestReloadsAfterChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t)
		defer w.Stop()
		assert.Equal(t, []string{"first"}, w.ids())
		assert.Empty(t, w.take())
		replace(t, w.path, keysetText(t, "second"))
		w.change()
		advance(time.Second)
		assert.Equal(t, []string{"second"}, w.ids())
		assert.Equal(t, []string{"reloaded second"}, w.take())
		assert.Equal(t, ports.Condition{Name: "keyset", Ready: true}, w.Condition())
		advance(time.Hour)
		assert.Empty(t, w.take())
	})
}

// TestReportsKeysThatEndEarly checks that keys are reported at the start, and after a reload has
// been reported.
func TestReportsKeysThatEndEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(sharedDir(t), "keyset.json")
		short := testKey("short", noon.Add(-time.Hour)).WithPlan(keys.Plan{
			SignFrom: noon.Add(-time.Hour), VerifyUntil: noon.Add(time.Hour)})
		keyring, err := keys.NewKeyring(short, testKey("next", noon.Add(time.Minute)))
		require.NoError(t, err)
		write(t, path, keys.FormatSet(keyring), 0o600)
		w := &fixture{path: path}
		w.watcher.signal = make(chan struct{}, 1)
		rules := Rules{Retention: keys.Retention{Lifetime: time.Hour}}
		w.Source = newSource(path, rules, keyring, portsfake.NewClock(noon), &w.recorder, w.newWatcher)
		w.Start(t.Context())
		defer w.Stop()
		synctest.Wait()
		assert.Equal(t, []string{"end early short"}, w.take())
		mended, err := keys.NewKeyring(short, testKey("next", noon))
		require.NoError(t, err)
		replace(t, path, keys.FormatSet(mended))
		advance(reloadWait)
		assert.Equal(t, []string{"reloaded short next"}, w.take())
		replace(t, path, keys.FormatSet(keyring))
		advance(reloadWait)
		assert.Equal(t, []string{"reloaded short next", "end early short"}, w.take())
	})
}

func TestRefreshLooksAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t)
		defer w.Stop()
		advance(time.Second)
		replace(t, w.path, keysetText(t, "second"))
		w.Refresh()
		advance(200 * time.Millisecond)
		assert.Equal(t, []string{"second"}, w.ids())
	})
}

// TestReloadsHardLinkInTime changes the file through another hard link, which no notification
// reports.
func TestReloadsHardLinkInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t)
		defer w.Stop()
		other := filepath.Join(sharedDir(t), "other.json")
		require.NoError(t, os.Link(w.path, other))
		advance(time.Hour)
		write(t, other, keysetText(t, "second"), 0o600)
		advance(4 * time.Second)
		assert.Equal(t, []string{"second"}, w.ids())
	})
}

// TestReportsFileReplacedBeneathMount follows a path that leads to a file without a name, as the
// mount of a single file does after the file was replaced.
func TestReportsFileReplacedBeneathMount(t *testing.T) {
	name := filepath.Join(sharedDir(t), "keyset.json")
	write(t, name, keysetText(t, "first"), 0o600)
	held, err := os.Open(name)
	require.NoError(t, err)
	defer func() { _ = held.Close() }()
	path := fmt.Sprintf("/proc/self/fd/%d", held.Fd())
	replace(t, name, keysetText(t, "second"))
	_, err = Read(path, Rules{Production: true}, noon)
	assert.Equal(t, []securefile.Reason{securefile.Replaced}, reasons(t, err))
	synctest.Test(t, func(t *testing.T) {
		w := &fixture{path: path}
		w.Source = newSource(path, Rules{}, keyringOf(t, "first"), portsfake.NewClock(noon),
			&w.recorder, w.newWatcher)
		w.Start(t.Context())
		advance(4 * time.Second)
		assert.Equal(t, []string{"keyset file: was replaced beneath a mount of this single file, " +
			"and no longer changes"}, w.take())
		w.Stop()
	})
}

func TestReloadKeepsLastGoodKeyset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t)
		defer w.Stop()
		check := func() []string {
			advance(reloadWait)
			return w.take()
		}
		failing := ports.Condition{Name: "keyset", Ready: true,
			Detail: "the keyset file could not be reloaded: the last good one is in force"}

		write(t, w.path, `{"keys":`, 0o600)
		assert.Equal(t,
			[]string{"keyset file: is not a valid keyset: keyset: the set: is not JSON " +
				"(line 1, column 9)"}, check())
		assert.Equal(t, failing, w.Condition())
		assert.Empty(t, check())
		write(t, w.path, `{"keyz":`, 0o600)
		assert.Empty(t, check(), "another text with the same fault is not reported again")

		write(t, w.path, keysetText(t, "second"), 0o644)
		assert.Equal(t,
			[]string{"keyset file: may be read or written by others, or written by its group"},
			check())
		require.NoError(t, os.Remove(w.path))
		assert.Equal(t, []string{"keyset file: is not found"}, check())
		assert.Empty(t, check())
		assert.Equal(t, []string{"first"}, w.ids())
		assert.Equal(t, failing, w.Condition())

		write(t, w.path, keysetText(t, "first"), 0o600)
		assert.Equal(t, []string{"reloaded first"}, check(),
			"the file is valid again, and unchanged")
		assert.Empty(t, w.Condition().Detail)
		assert.Empty(t, check())

		require.NoError(t, os.Remove(w.path))
		assert.Equal(t, []string{"keyset file: is not found"}, check(),
			"after a valid file it is a new fault")
		write(t, w.path, keysetText(t, "second"), 0o600)
		assert.Equal(t, []string{"reloaded second"}, check())
		assert.Equal(t, []string{"second"}, w.ids())
		assert.Empty(t, w.Condition().Detail)
	})
}

func TestReloadChecksOnlyNewKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t)
		defer w.Stop()
		ends := testKey("second", noon).WithPlan(keys.Plan{SignFrom: noon,
			VerifyUntil: noon.Add(time.Hour)})
		write(t, w.path, keys.FormatSet(newKeyring(t, ends)), 0o600)
		w.strict.Store(true)
		advance(reloadWait)
		assert.Equal(t, []string{"keyset file: holds keys that are refused: weak"}, w.take())
		w.strict.Store(false)
		advance(reloadWait)
		assert.Equal(t, []string{"reloaded second"}, w.take())

		w.clock.Advance(time.Hour)
		w.strict.Store(true)
		advance(maxSignerCheck)
		assert.Equal(t, []string{"signer missing"}, w.take(),
			"the file has not changed, but the time has")
		w.strict.Store(false)
		write(t, w.path, keys.FormatSet(newKeyring(t, ends,
			testKey("third", noon).WithPlan(keys.Plan{SignFrom: noon, Revoked: true}))), 0o600)
		advance(reloadWait)
		assert.Equal(t, []string{"keyset file: holds no key that can sign, now or later"},
			w.take())
		assert.Equal(t, []string{"second"}, w.ids())
	})
}

func TestReloadIgnoresEqualKeyset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t)
		defer w.Stop()
		before := w.Keyring()
		replace(t, w.path, keysetText(t, "first")+"\n \n")
		w.change()
		advance(time.Second)
		assert.Same(t, before, w.Keyring())
		assert.Empty(t, w.take())
	})
}

func TestWatchEndsOnlyWithStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t)
		w.Stop()
		require.Zero(t, w.watcher.open.Load(), "the watch is closed")
		w.Stop()

		ctx, cancel := context.WithCancel(t.Context())
		w.Start(ctx)
		cancel()
		replace(t, w.path, keysetText(t, "second"))
		advance(reloadWait)
		assert.Equal(t, []string{"second"}, w.ids(),
			"the watch does not end with the context of Start")
		w.change()
		synctest.Wait()
		w.Stop() // during the quiet period
		assert.Zero(t, w.watcher.open.Load())

		replace(t, w.path, keysetText(t, "third"))
		advance(time.Hour)
		assert.Equal(t, []string{"second"}, w.ids())
	})
	NewSource("", Rules{}, keyringOf(t, "a"), nil, nil).Stop() // never started
}

func TestStartReloadsChangedFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t)
		w.Stop()
		replace(t, w.path, keysetText(t, "second"))
		w.Start(t.Context())
		advance(time.Second)
		assert.Equal(t, []string{"second"}, w.ids())
		w.Stop()
	})
}

// TestReportsMissingSignerInTime checks that a missing signer is reported without a request for a
// session.
func TestReportsMissingSignerInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		keyring, err := keys.NewKeyring(
			keys.NewHS256("ends", []byte("a secret that ends"),
				keys.Plan{SignFrom: start, VerifyUntil: start.Add(5 * time.Second)}),
			keys.NewHS256("waits", []byte("a secret that waits"),
				keys.Plan{SignFrom: start.Add(10 * time.Second)}))
		require.NoError(t, err)
		w := &fixture{path: filepath.Join(sharedDir(t), "keyset.json")}
		write(t, w.path, keys.FormatSet(keyring), 0o600)
		w.Source = newSource(w.path, Rules{}, keyring, clock.New(),
			&w.recorder, w.newWatcher)
		w.Start(t.Context())
		advance(5*time.Second - 1)
		assert.Empty(t, w.take())
		advance(time.Second)
		assert.Equal(t, []string{"signer missing"}, w.take())
		advance(4*time.Second - 1)
		assert.Empty(t, w.take())
		advance(time.Second)
		assert.Equal(t, []string{"signer found"}, w.take())
		advance(time.Minute)
		assert.Empty(t, w.take())
		w.Stop()
	})
}

// TestListsJudgeKeysInForce changes what the lists refuse: keys in force are judged again when the
// lists have changed, also between the start of the process and that of the source, and stay.
func TestListsJudgeKeysInForce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t)
		w.strict.Store(true)
		advance(reloadWait)
		assert.Empty(t, w.take(), "the rules alone do not judge keys in force again")

		w.lists.Store(1)
		advance(reloadWait)
		assert.Equal(t, []string{"keyset file: holds keys that are refused: weak"}, w.take())
		assert.Equal(t, []string{"first"}, w.ids())
		advance(reloadWait)
		assert.Empty(t, w.take(), "it was reported already")

		w.lists.Store(2)
		w.strict.Store(false)
		advance(reloadWait)
		assert.Equal(t, []string{"reloaded first"}, w.take())
		w.Stop()

		w.strict.Store(true)
		w.Source = newSource(w.path, w.rules, w.Keyring(), w.clock, &w.recorder, w.newWatcher)
		w.Start(t.Context())
		advance(reloadWait)
		assert.Equal(t, []string{"keyset file: holds keys that are refused: weak"}, w.take())
		w.Stop()
	})
}
