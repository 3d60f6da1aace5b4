package follow

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// inBubble runs test with a started probe of one file, on a clock that the test moves. The watcher
// reports only what the test says.
func inBubble(t *testing.T, test func(t *testing.T, p *probe, path string)) {
	t.Helper()
	path := filepath.Join(sharedDir(t), "file")
	write(t, path, "first", 0o600)
	synctest.Test(t, func(t *testing.T) {
		p := newProbe(t, newFakeWatcher(), path)
		p.Start(t.Context())
		defer p.Stop()
		synctest.Wait()
		assert.Empty(t, p.take())
		test(t, p, path)
	})
}

// advance moves the time of the bubble and waits until everything that is due has happened.
func advance(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestTakesForceAfterQuietPeriod(t *testing.T) {
	inBubble(t, func(t *testing.T, p *probe, path string) {
		replace(t, path, "second")
		p.watcher.change()
		advance(60 * time.Millisecond)
		p.watcher.change()
		advance(quietPeriod - time.Millisecond)
		assert.Equal(t, "first", p.text())
		assert.EqualValues(t, 1, p.watcher.watches.Load())
		advance(time.Millisecond)
		assert.Equal(t, []string{"replaced second"}, p.take())
		assert.EqualValues(t, 2, p.watcher.watches.Load(), "the path is watched anew")
		advance(time.Hour)
		assert.Empty(t, p.take())
	})
}

func TestTakesForceDespiteConstantChanges(t *testing.T) {
	inBubble(t, func(t *testing.T, p *probe, path string) {
		replace(t, path, "second")
		for range int(2 * Interval / quietPeriod) {
			select {
			case p.watcher.signal <- struct{}{}:
			default:
			}
			advance(quietPeriod / 2)
		}
		assert.Equal(t, "second", p.text(), "within the two seconds that the contract allows")
	})
}

// TestTakesForceWithoutEvents changes files in ways that the system does not report to a watch of
// the path: through another hard link, and as network and FUSE file systems do.
func TestTakesForceWithoutEvents(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, path string){
		"in place": func(t *testing.T, path string) { write(t, path, "second", 0o600) },
		"replaced": func(t *testing.T, path string) { replace(t, path, "second") },
		"through another hard link": func(t *testing.T, path string) {
			other := filepath.Join(sharedDir(t), "other")
			require.NoError(t, os.Link(path, other))
			write(t, other, "second", 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, p *probe, path string) {
				advance(time.Hour + time.Second/3)
				change(t, path)
				advance(Interval + quietPeriod)
				assert.Equal(t, []string{"replaced second"}, p.take())
				assert.LessOrEqual(t, Interval+quietPeriod, 4*time.Second,
					"two seconds, and two more without events")
			})
		})
	}
}

// TestHardLinkIsFoundByLooking changes a file through another hard link, which the notifications of
// the system do not report.
func TestHardLinkIsFoundByLooking(t *testing.T) {
	path, other := filepath.Join(sharedDir(t), "file"), filepath.Join(sharedDir(t), "other")
	write(t, path, "first", 0o600)
	require.NoError(t, os.Link(path, other))
	p := newProbe(t, nil, path)
	p.Start(t.Context())
	defer p.Stop()
	write(t, other, "second", 0o600)
	p.await(t, "second")
}

// TestIgnoresContentThatIsBeingWritten looks at a file that is half written.
func TestIgnoresContentThatIsBeingWritten(t *testing.T) {
	inBubble(t, func(t *testing.T, p *probe, path string) {
		write(t, path, "bad half", 0o600)
		advance(Interval)
		write(t, path, "seco", 0o600)
		advance(quietPeriod)
		write(t, path, "second", 0o600)
		advance(quietPeriod)
		assert.Empty(t, p.take())
		advance(quietPeriod)
		assert.Equal(t, []string{"replaced second"}, p.take())
	})
}

func TestAcceptsContentThatNeverStopsChanging(t *testing.T) {
	inBubble(t, func(t *testing.T, p *probe, path string) {
		for i := 0; time.Duration(i)*quietPeriod <= Interval+maxQuietWait; i++ {
			write(t, path, fmt.Sprint("text ", i), 0o600)
			advance(quietPeriod)
		}
		assert.Contains(t, p.text(), "text ")
	})
}

func TestReportsEachFaultOnceAndRecovers(t *testing.T) {
	inBubble(t, func(t *testing.T, p *probe, path string) {
		settle := func() []string { advance(Interval + quietPeriod); return p.take() }
		write(t, path, "bad", 0o600)
		assert.Equal(t, []string{"failed bad"}, settle())
		assert.True(t, p.Failing())
		assert.Equal(t, path, p.failed.File)
		assert.EqualValues(t, "text", p.failed.Material)
		assert.Empty(t, settle())
		require.NoError(t, os.Remove(path))
		assert.Equal(t, []string{"failed is not found"}, settle())
		assert.Equal(t, "first", p.text())

		write(t, path, "first", 0o600)
		assert.Equal(t, []string{"replaced first"}, settle(), "good again, and unchanged")
		assert.False(t, p.Failing())
		assert.Empty(t, settle())
		write(t, path, "bad", 0o600)
		assert.Equal(t, []string{"failed bad"}, settle(), "after good content it is a new fault")
		write(t, path, "second", 0o600)
		assert.Equal(t, []string{"replaced second"}, settle())
	})
}

// TestToleratesMomentaryFaults checks that a fault is reported only after it has lasted, however
// many changes are reported meanwhile.
func TestToleratesMomentaryFaults(t *testing.T) {
	path := filepath.Join(sharedDir(t), "file")
	write(t, path, "first", 0o600)
	synctest.Test(t, func(t *testing.T) {
		p := newProbe(t, newFakeWatcher(), path)
		p.Tolerance = 2 * time.Second
		p.Start(t.Context())
		defer p.Stop()
		synctest.Wait()
		write(t, path, "bad", 0o600)
		for range 15 {
			p.watcher.change()
			advance(quietPeriod)
		}
		assert.Empty(t, p.take())
		write(t, path, "second", 0o600)
		p.watcher.change()
		advance(quietPeriod)
		assert.Equal(t, []string{"replaced second"}, p.take())
		write(t, path, "bad", 0o600)
		advance(Interval + p.Tolerance + quietPeriod)
		assert.Equal(t, []string{"failed bad"}, p.take())
	})
}

// TestReportsLookThatHangs lets a look take longer than lookTimeout, as on a network file system
// whose server is down.
func TestReportsLookThatHangs(t *testing.T) {
	path := filepath.Join(sharedDir(t), "file")
	write(t, path, "first", 0o600)
	synctest.Test(t, func(t *testing.T) {
		p := newProbe(t, newFakeWatcher(), path)
		hang, release := make(chan struct{}, 2), make(chan struct{})
		read := p.Look
		p.Look = func() (string, error) {
			text, err := read()
			if len(hang) > 0 {
				<-hang
				<-release
			}
			return text, err
		}
		p.Start(t.Context())
		synctest.Wait()
		hang <- struct{}{}
		write(t, path, "outdated", 0o600)
		advance(Interval + lookTimeout - time.Nanosecond)
		assert.Empty(t, p.take())
		advance(time.Nanosecond)
		assert.Equal(t, []string{"failed could not be read within 5 s"}, p.take())
		assert.True(t, p.Failing())
		looks := p.looks.Load()
		advance(time.Hour)
		assert.Equal(t, looks, p.looks.Load(), "no second look while one hangs")
		assert.Empty(t, p.take())

		write(t, path, "second", 0o600)
		release <- struct{}{}
		advance(quietPeriod)
		assert.Equal(t, []string{"replaced second"}, p.take(), "the late result is discarded")
		assert.False(t, p.Failing())

		hang <- struct{}{}
		advance(Interval)
		began := time.Now()
		p.Stop()
		assert.Zero(t, time.Since(began), "Stop does not wait for a look")
		assert.EqualValues(t, 1, p.watcher.open.Load(), "its goroutine holds the watch")
		release <- struct{}{}
		synctest.Wait()
		assert.Zero(t, p.watcher.open.Load())
	})
}

func TestLooksWhenRequested(t *testing.T) {
	inBubble(t, func(t *testing.T, p *probe, path string) {
		advance(time.Second / 2)
		write(t, path, "second", 0o600)
		p.Request()
		advance(quietPeriod)
		assert.Equal(t, []string{"replaced second"}, p.take(), "at once")
		write(t, path, "third", 0o600)
		looks := p.looks.Load()
		for range 100 {
			p.Request()
		}
		advance(requestInterval - quietPeriod - time.Nanosecond)
		assert.Equal(t, looks, p.looks.Load(), "at most one requested look a second")
		advance(time.Nanosecond + quietPeriod)
		assert.Equal(t, []string{"replaced third"}, p.take())
	})
}

func TestReportsEachWatchFailureOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, p *probe, _ string) {
		p.watcher.failure.Store("no space left on device")
		advance(time.Minute)
		assert.Equal(t, []string{"unwatched no space left on device"}, p.take())
		p.watcher.failure.Store("permission denied")
		advance(time.Minute)
		assert.Equal(t, []string{"unwatched permission denied"}, p.take())
		assert.False(t, p.Failing())
		p.watcher.failure.Store("")
		advance(Interval)
		p.watcher.failure.Store("permission denied")
		advance(Interval)
		assert.Equal(t, []string{"unwatched permission denied"}, p.take(),
			"after a success it is a new failure")
	})
}

// TestReportsFileReplacedBeneathMount follows a path that leads to a file without a name, as the
// mount of a single file does after the file was replaced.
func TestReportsFileReplacedBeneathMount(t *testing.T) {
	name := filepath.Join(sharedDir(t), "file")
	write(t, name, "first", 0o600)
	held, err := os.Open(name)
	require.NoError(t, err)
	defer func() { _ = held.Close() }()
	path := fmt.Sprintf("/proc/self/fd/%d", held.Fd())
	synctest.Test(t, func(t *testing.T) {
		p := newProbe(t, newFakeWatcher(), path)
		p.Start(t.Context())
		defer p.Stop()
		advance(time.Hour)
		assert.Empty(t, p.take())
		replace(t, name, "second")
		advance(Interval + 2*quietPeriod) // such a file is read several times in each of two looks
		assert.Equal(t, []string{"failed was replaced beneath a mount of this single file, " +
			"and no longer changes"}, p.take())
		assert.Equal(t, "first", p.text())
	})
}

func TestFollowsSeveralFiles(t *testing.T) {
	dir := sharedDir(t)
	write(t, dir+"/a", "first", 0o600)
	write(t, dir+"/b", "", 0o600)
	p := newProbe(t, nil, dir+"/a", dir+"/b")
	p.interval = time.Hour
	p.Start(t.Context())
	defer p.Stop()
	for i, name := range []string{"a", "b", "a", "b"} {
		text := fmt.Sprint("text ", i)
		replace(t, filepath.Join(dir, name), text)
		require.Eventually(t, func() bool {
			return p.text() != "first " && p.text() == contentOf(t, dir)
		}, deadline, pollEvery, "%s does not take force", text)
	}
}

// contentOf returns what a probe of a and b reads in a folder.
func contentOf(t *testing.T, dir string) string {
	t.Helper()
	a, err := os.ReadFile(dir + "/a")
	require.NoError(t, err)
	b, err := os.ReadFile(dir + "/b")
	require.NoError(t, err)
	return string(a) + " " + string(b)
}

func TestFollowsUntilStop(t *testing.T) {
	path := filepath.Join(sharedDir(t), "file")
	write(t, path, "first", 0o600)
	synctest.Test(t, func(t *testing.T) {
		p := newProbe(t, newFakeWatcher(), path)
		p.Stop() // never started
		ctx, cancel := context.WithCancel(t.Context())
		p.Start(ctx)
		cancel()
		replace(t, path, "second")
		advance(Interval + quietPeriod)
		assert.Equal(t, "second", p.text(), "it does not end with the context of Start")
		p.watcher.change()
		synctest.Wait()
		p.Stop() // during the quiet period
		p.Stop()
		assert.Zero(t, p.watcher.open.Load())
		replace(t, path, "third")
		advance(time.Hour)
		assert.Equal(t, "second", p.text())
		p.Start(t.Context())
		advance(quietPeriod)
		assert.Equal(t, "third", p.text(), "the first look is made at once")
		p.Stop()
	})
}

func TestLeaksNoDescriptors(t *testing.T) {
	path := filepath.Join(sharedDir(t), "file")
	write(t, path, "first", 0o600)
	before := descriptors(t)
	for i := range 4 {
		p := newProbe(t, nil, path)
		p.Start(t.Context())
		replace(t, path, fmt.Sprint(i))
		p.await(t, fmt.Sprint(i))
		p.Stop()
		require.Eventually(t, func() bool { return descriptors(t) <= before }, deadline, pollEvery,
			"a descriptor stays open")
	}
}
