package keyset

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/ports/portsmock"
)

// audience hears what events come out of a source.
type audience struct {
	mu     sync.Mutex
	events []ports.Event
}

func (a *audience) Record(_ context.Context, event ports.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.events = append(a.events, event)
}

// heard takes the events since the last time: ids for keys in force, the cause for failures.
func (a *audience) heard() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var words []string
	for _, event := range a.events {
		switch e := event.(type) {
		case ports.KeysReloaded:
			word := "reloaded"
			for _, id := range idsOf(e.Keyring) {
				word += " " + id
			}
			words = append(words, word)
		case ports.KeysReloadFailed:
			words = append(words, e.Cause.Error())
		case ports.KeysWatchFailed:
			words = append(words, "watch: "+e.Cause.Error())
		case ports.SignerMissing:
			words = append(words, "signer missing")
		case ports.SignerFound:
			words = append(words, "signer found")
		}
	}
	a.events = nil
	return words
}

// scripted is a watcher that tells what a test says.
type scripted struct {
	signal  chan struct{}
	failure atomic.Value // of text; empty: none
	follows atomic.Int32
	open    atomic.Int32
}

func (s *scripted) follow(string) error {
	s.follows.Add(1)
	if text, _ := s.failure.Load().(string); text != "" {
		return errors.New(text)
	}
	return nil
}

func (s *scripted) news() <-chan struct{} { return s.signal }

func (s *scripted) close() { s.open.Add(-1) }

// watched is a source of a file that holds the key first, on a scripted watcher, in a bubble.
type watched struct {
	*Source
	audience
	watcher scripted
	path    string
	past    atomic.Int64 // how long after noon it is
	strict  atomic.Bool  // whether all keys are refused
}

func watch(t *testing.T) *watched {
	t.Helper()
	w := &watched{path: filepath.Join(sharedFolder(t), "keyset.json")}
	w.watcher.signal = make(chan struct{}, 1)
	write(t, w.path, textOf(t, "first"), 0o600)
	rules := Rules{Production: true, Accept: func(*keys.Keyring) error {
		if w.strict.Load() {
			return errors.New("weak")
		}
		return nil
	}}
	clock := &portsmock.ClockMock{NowFunc: func() time.Time {
		return noon.Add(time.Duration(w.past.Load()))
	}}
	w.Source = NewSource(w.path, rules, ringOf(t, "first"), clock, &w.audience)
	w.newWatcher = func() watcher { w.watcher.open.Add(1); return &w.watcher }
	w.Start(t.Context())
	synctest.Wait()
	return w
}

// ids are those in force.
func (w *watched) ids() []string { return idsOf(w.Keyring()) }

func (w *watched) change() { w.watcher.signal <- struct{}{} }

// pass lets time go by, and all that happens in it.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestAChangeTakesForceWhenTheWayIsQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t)
		defer w.Stop()
		assert.Equal(t, []string{"first"}, w.ids())
		assert.Empty(t, w.heard())
		replace(t, w.path, textOf(t, "second"))
		w.change()
		pass(60 * time.Millisecond)
		w.change()
		pass(settle - time.Millisecond)
		assert.Equal(t, []string{"first"}, w.ids())
		assert.EqualValues(t, 1, w.watcher.follows.Load())
		pass(time.Millisecond)
		assert.Equal(t, []string{"second"}, w.ids())
		assert.Equal(t, []string{"reloaded second"}, w.heard())
		assert.EqualValues(t, 2, w.watcher.follows.Load(), "the way is followed anew")
		assert.Equal(t, ports.Condition{Name: "keyset", Ready: true}, w.Condition())
		pass(time.Hour)
		assert.Empty(t, w.heard())
	})
}

func TestAWayThatIsNeverQuietHoldsNothingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t)
		defer w.Stop()
		replace(t, w.path, textOf(t, "second"))
		for range 21 {
			w.change()
			pass(settle / 2)
		}
		assert.Equal(t, []string{"second"}, w.ids())
		assert.LessOrEqual(t, settleWithin+settle, 2*time.Second)
	})
}

func TestTheFileIsLookedAtWithoutNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t)
		defer w.Stop()
		replace(t, w.path, textOf(t, "second"))
		pass(pollInterval - time.Millisecond)
		assert.Equal(t, []string{"first"}, w.ids())
		pass(time.Millisecond)
		assert.Equal(t, []string{"second"}, w.ids())
	})
}

func TestWithoutAWatchTheFileIsLookedAtOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t)
		defer w.Stop()
		w.watcher.failure.Store("no space left on device")
		pass(pollInterval)
		assert.Equal(t, []string{"watch: no space left on device"}, w.heard())
		follows := w.watcher.follows.Load()
		replace(t, w.path, textOf(t, "second"))
		pass(time.Second)
		assert.Equal(t, []string{"second"}, w.ids())
		pass(time.Minute)
		assert.Equal(t, []string{"reloaded second"}, w.heard(), "the same failure is told once")
		assert.Equal(t, follows+61, w.watcher.follows.Load())
		assert.Empty(t, w.Condition().Detail)

		w.watcher.failure.Store("permission denied")
		pass(2 * time.Second)
		assert.Equal(t, []string{"watch: permission denied"}, w.heard())

		w.watcher.failure.Store("")
		pass(time.Second)
		follows = w.watcher.follows.Load()
		pass(pollInterval - time.Millisecond)
		assert.Equal(t, follows, w.watcher.follows.Load())
		w.watcher.failure.Store("permission denied")
		pass(time.Millisecond)
		assert.Equal(t, []string{"watch: permission denied"}, w.heard(),
			"after it was whole, it is a new failure")
	})
}

func TestWhatIsWrongChangesNothingAndIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t)
		defer w.Stop()
		look := func() []string {
			pass(pollInterval)
			return w.heard()
		}
		failing := ports.Condition{Name: "keyset", Ready: true,
			Detail: "the keyset file could not be read anew: the last good one is in force"}

		write(t, w.path, `{"keys":`, 0o600)
		assert.Equal(t, []string{"keyset file: is no sound keyset: keyset: the set: is not JSON"},
			look())
		assert.Equal(t, failing, w.Condition())
		assert.Empty(t, look())
		write(t, w.path, `{"keys":[`, 0o600)
		assert.Empty(t, look(), "another text with the same fault is nothing new")

		write(t, w.path, textOf(t, "second"), 0o644)
		assert.Equal(t,
			[]string{"keyset file: may be read or written by others, or written by its group"},
			look())
		require.NoError(t, os.Remove(w.path))
		assert.Equal(t, []string{"keyset file: is not found"}, look())
		assert.Empty(t, look())
		assert.Equal(t, []string{"first"}, w.ids())
		assert.Equal(t, failing, w.Condition())

		write(t, w.path, textOf(t, "first"), 0o600)
		assert.Equal(t, []string{"reloaded first"}, look(), "it is good again, and the same")
		assert.Empty(t, w.Condition().Detail)
		assert.Empty(t, look())

		require.NoError(t, os.Remove(w.path))
		assert.Equal(t, []string{"keyset file: is not found"}, look(),
			"after it was good, it is a new fault")
		write(t, w.path, textOf(t, "second"), 0o600)
		assert.Equal(t, []string{"reloaded second"}, look())
		assert.Equal(t, []string{"second"}, w.ids())
		assert.Empty(t, w.Condition().Detail)
	})
}

func TestNewKeysAreJudgedAndThoseInForceAreNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t)
		defer w.Stop()
		ends := testKey("second", noon).WithPlan(keys.Plan{SignFrom: noon,
			VerifyUntil: noon.Add(time.Hour)})
		write(t, w.path, keys.FormatSet(mustRing(t, ends)), 0o600)
		w.strict.Store(true)
		pass(pollInterval)
		assert.Equal(t, []string{"keyset file: holds keys that are refused: weak"}, w.heard())
		w.strict.Store(false)
		pass(pollInterval)
		assert.Equal(t, []string{"reloaded second"}, w.heard())

		w.past.Store(int64(time.Hour))
		w.strict.Store(true)
		pass(pollInterval)
		assert.Equal(t, []string{"signer missing"}, w.heard(), "the file has not changed; time has")
		w.strict.Store(false)
		write(t, w.path, keys.FormatSet(mustRing(t, ends,
			testKey("third", noon).WithPlan(keys.Plan{SignFrom: noon, Revoked: true}))), 0o600)
		pass(pollInterval)
		assert.Equal(t, []string{"keyset file: holds no key that can sign, now or later"},
			w.heard())
		assert.Equal(t, []string{"second"}, w.ids())
	})
}

func TestWhatIsTheSameIsNoNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t)
		defer w.Stop()
		before := w.Keyring()
		replace(t, w.path, textOf(t, "first")+"\n \n")
		w.change()
		pass(time.Second)
		assert.Same(t, before, w.Keyring())
		assert.Empty(t, w.heard())
	})
}

func TestAWatchEndsWithStopAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t)
		w.Stop()
		require.Zero(t, w.watcher.open.Load(), "the watch is closed")
		w.Stop()

		ctx, cancel := context.WithCancel(t.Context())
		w.Start(ctx)
		cancel()
		replace(t, w.path, textOf(t, "second"))
		pass(pollInterval)
		assert.Equal(t, []string{"second"}, w.ids(), "the end of the start is not the watch's")
		w.change()
		synctest.Wait()
		w.Stop() // while the way settles
		assert.Zero(t, w.watcher.open.Load())

		replace(t, w.path, textOf(t, "third"))
		pass(time.Hour)
		assert.Equal(t, []string{"second"}, w.ids())
	})
	NewSource("", Rules{}, ringOf(t, "a"), nil, nil).Stop() // never started
}

func TestAFileThatChangedBeforeTheStartTakesForceAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t)
		w.Stop()
		replace(t, w.path, textOf(t, "second"))
		w.Start(t.Context())
		synctest.Wait()
		assert.Equal(t, []string{"second"}, w.ids())
		w.Stop()
	})
}

// TestTheWantOfASignerIsToldWhenItComes: nobody has to ask for a session first.
func TestTheWantOfASignerIsToldWhenItComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		keyring, err := keys.NewKeyring(
			keys.NewHS256("ends", []byte("a secret that ends"),
				keys.Plan{SignFrom: start, VerifyUntil: start.Add(5 * time.Second)}),
			keys.NewHS256("waits", []byte("a secret that waits"),
				keys.Plan{SignFrom: start.Add(10 * time.Second)}))
		require.NoError(t, err)
		w := &watched{path: filepath.Join(sharedFolder(t), "keyset.json")}
		write(t, w.path, keys.FormatSet(keyring), 0o600)
		w.Source = NewSource(w.path, Rules{}, keyring, &portsmock.ClockMock{NowFunc: time.Now},
			&w.audience)
		w.newWatcher = func() watcher { w.watcher.open.Add(1); return &w.watcher }
		w.Start(t.Context())
		pass(5*time.Second - 1)
		assert.Empty(t, w.heard())
		pass(time.Second)
		assert.Equal(t, []string{"signer missing"}, w.heard())
		pass(4*time.Second - 1)
		assert.Empty(t, w.heard())
		pass(time.Second)
		assert.Equal(t, []string{"signer found"}, w.heard())
		pass(time.Minute)
		assert.Empty(t, w.heard())
		w.Stop()
	})
}
