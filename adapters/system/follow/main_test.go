package follow

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/offload/sessiond/adapters/system/securefile"
	"github.com/offload/sessiond/ports"
)

const (
	// deadline is how long a test waits for an outcome.
	deadline = time.Minute
	// pollEvery is how often it checks for the outcome.
	pollEvery = 5 * time.Millisecond
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeWatcher is a Watcher whose changes and failures are set by a test.
type fakeWatcher struct {
	signal  chan struct{}
	failure atomic.Value // a text; empty for no failure
	watches atomic.Int32
	open    atomic.Int32
}

func newFakeWatcher() *fakeWatcher { return &fakeWatcher{signal: make(chan struct{}, 1)} }

func (w *fakeWatcher) Watch(...string) error {
	w.watches.Add(1)
	if text, _ := w.failure.Load().(string); text != "" {
		return errors.New(text)
	}
	return nil
}

func (w *fakeWatcher) Changes() <-chan struct{} { return w.signal }

func (w *fakeWatcher) Close() { w.open.Add(-1) }

// change reports a change.
func (w *fakeWatcher) change() { w.signal <- struct{}{} }

// probe is a follower of text files. Text that begins with "bad" must not take force. A look waits
// while a test holds it.
type probe struct {
	*Follower[string]
	watcher *fakeWatcher
	value   atomic.Pointer[string]
	held    sync.Mutex
	looks   atomic.Int32

	mu     sync.Mutex
	events []string
	failed ports.ReloadFailed // the last one
}

// newProbe returns a probe of files that hold "first". A nil watcher selects the notifications of
// the system.
func newProbe(t *testing.T, watcher *fakeWatcher, paths ...string) *probe {
	t.Helper()
	p := &probe{watcher: watcher}
	first := "first"
	p.value.Store(&first)
	target := Target[string]{
		Paths:   paths,
		Look:    func() (string, error) { return p.look(paths) },
		Current: func() string { return *p.value.Load() },
		Same:    func(a, b string) bool { return a == b },
		Replace: func(text string) ports.Content {
			p.value.Store(&text)
			return content(text)
		},
		Events: p, Material: "text",
	}
	if watcher != nil {
		target.NewWatcher = func() Watcher { watcher.open.Add(1); return watcher }
	}
	p.Follower = New(target)
	return p
}

func (p *probe) look(paths []string) (string, error) {
	p.looks.Add(1)
	p.held.Lock()
	defer p.held.Unlock()
	texts := make([]string, 0, len(paths))
	for _, path := range paths {
		file, err := securefile.Read(path, 1<<10)
		if err != nil {
			return "", err
		}
		if fault := file.Replaced(); fault != nil {
			return "", fault
		}
		texts = append(texts, string(file.Content))
	}
	text := strings.Join(texts, " ")
	if strings.HasPrefix(text, "bad") {
		return "", errors.New(text)
	}
	return text, nil
}

// content is a text that came into force.
type content string

func (content) Material() ports.Material { return "text" }

// Record implements ports.Events.
func (p *probe) Record(_ context.Context, event ports.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case ports.Reloaded:
		p.events = append(p.events, "replaced "+string(e.Content.(content)))
	case ports.ReloadFailed:
		p.events = append(p.events, "failed "+e.Cause.Error())
		p.failed = e
	case ports.WatchFailed:
		p.events = append(p.events, "unwatched "+e.Cause.Error())
	}
}

// take returns the events since the last call.
func (p *probe) take() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	events := p.events
	p.events = nil
	return events
}

// text returns the text in force.
func (p *probe) text() string { return p.Current() }

// await waits until a text is in force.
func (p *probe) await(t *testing.T, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return p.text() == text }, deadline, pollEvery,
		"%s does not take force", text)
}

// sharedDir returns a new directory, with links resolved.
func sharedDir(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	return dir
}

// write writes a file and sets its mode, whatever the umask.
func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	require.NoError(t, os.Chmod(path, mode))
}

// replace replaces a file with a text in one step.
func replace(t *testing.T, path, text string) {
	t.Helper()
	write(t, path+".new", text, 0o600)
	require.NoError(t, os.Rename(path+".new", path))
}

// link replaces whatever is at path with a symbolic link in one step.
func link(t *testing.T, to, path string) {
	t.Helper()
	require.NoError(t, os.Symlink(to, path+".new"))
	require.NoError(t, os.Rename(path+".new", path))
}

// descriptors returns the number of files that this process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(entries)
}
