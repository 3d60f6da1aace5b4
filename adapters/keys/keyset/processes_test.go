package keyset

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// varKills says how many writers TestLongKilledWriters kills.
const varKills = "KEYSET_TEST_KILLS"

// ready starts a role and waits until it says that it is at work.
func ready(t *testing.T, process *exec.Cmd) {
	t.Helper()
	out, err := process.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, process.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "ready\n", line)
}

// TestWritersInSeveralProcessesLoseNothing has writers in this process and in others, and somebody
// who reads all the while.
func TestWritersInSeveralProcessesLoseNothing(t *testing.T) {
	const processes, callers, each = 4, 3, 12
	folder := sharedFolder(t)
	path := filepath.Join(folder, "keyset.json")
	done := make(chan struct{})
	var reader, writers sync.WaitGroup
	reader.Go(func() {
		for {
			if _, err := Load(path); err != nil {
				assert.Equal(t, []Reason{ReasonMissing}, reasons(t, err))
			}
			select {
			case <-done:
				return
			default:
			}
		}
	})
	var want []string
	for i := range processes {
		prefix := fmt.Sprintf("process-%d-", i)
		for j := range each {
			want = append(want, prefix+strconv.Itoa(j))
		}
		process := play(t, as{}, "add", path, prefix, strconv.Itoa(each))
		writers.Go(func() {
			out, err := process.CombinedOutput()
			assert.NoError(t, err, "%s", out)
		})
	}
	for i := range callers {
		for j := range each {
			want = append(want, fmt.Sprintf("caller-%d-%d", i, j))
		}
		writers.Go(func() {
			for j := range each {
				assert.NoError(t, add(NewStore(path), fmt.Sprintf("caller-%d-%d", i, j)))
			}
		})
	}
	writers.Wait()
	close(done)
	reader.Wait()
	keyring, err := Load(path)
	require.NoError(t, err)
	assert.ElementsMatch(t, want, idsOf(keyring))
	assert.Equal(t, []string{"keyset.json"}, names(t, folder))
}

func TestAnotherProcessIsWaitedForUntilItEnds(t *testing.T) {
	path := filepath.Join(sharedFolder(t), "keyset.json")
	holder := play(t, as{}, "hold", path)
	hand, err := holder.StdinPipe()
	require.NoError(t, err)
	ready(t, holder)
	defer func() { _ = hand.Close() }()
	added := make(chan error, 1)
	go func() { added <- add(NewStore(path), "a") }()
	select {
	case err := <-added:
		require.Fail(t, "two writers at once", "%v", err)
	case <-time.After(5 * lockEvery):
	}
	require.NoError(t, holder.Process.Kill()) // a lock goes with its process
	_ = holder.Wait()
	require.NoError(t, <-added)
}

// TestLongKilledWriters kills writers at random instants: the file is always whole and has a key
// that signs, and what they leave is never taken for it.
func TestLongKilledWriters(t *testing.T) {
	kills := 50
	if text := os.Getenv(varKills); text != "" {
		var err error
		kills, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	folder := sharedFolder(t)
	path := filepath.Join(folder, "keyset.json")
	write(t, path, textOf(t, "first"), 0o640)
	random := rand.New(rand.NewPCG(5, 1))
	changes, left, later := 0, 0, noon.AddDate(10, 0, 0)
	for i := range kills {
		before := read(t, path)
		process := play(t, as{}, "rotate", path)
		ready(t, process)
		time.Sleep(time.Duration(random.Int64N(int64(30 * time.Millisecond))))
		require.NoError(t, process.Process.Kill())
		_ = process.Wait()
		keyring, err := Read(path, Rules{Production: true}, later)
		require.NoError(t, err, "kill %d", i)
		_, signs := keyring.SignerAt(later)
		require.True(t, signs, "kill %d", i)
		require.Equal(t, os.FileMode(0o640), mode(t, path))
		if read(t, path) != before {
			changes++
		}
		beside := names(t, folder)
		require.LessOrEqual(t, len(beside), 2, "each writer clears up after the last")
		left += len(beside) - 1
	}
	t.Logf("%d kills: %d writers had changed the file, %d left something behind", kills, changes,
		left)
	assert.Greater(t, changes, kills/4, "kills that come before anything happens show nothing")
	require.NoError(t, add(NewStore(path), "last"))
	assert.Equal(t, []string{"keyset.json"}, names(t, folder))
}
