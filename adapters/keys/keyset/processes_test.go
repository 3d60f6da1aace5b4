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

	"github.com/offload/sessiond/adapters/system/securefile"
)

// varKills is the variable with the number of writers that TestLongKilledWriters kills.
const varKills = "KEYSET_TEST_KILLS"

// startRole starts a role and waits until it reports that it is ready.
func startRole(t *testing.T, process *exec.Cmd) {
	t.Helper()
	out, err := process.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, process.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "ready\n", line)
}

// eachLock runs test with the lock on the directory, and with the lock on a file that is used on
// NFS. It passes the names of the files that remain in the folder beside the keyset.
func eachLock(t *testing.T, test func(t *testing.T, more ...string)) {
	t.Helper()
	t.Run("on the directory", func(t *testing.T) { test(t) })
	t.Run("on a file", func(t *testing.T) {
		t.Setenv(varFileLocks, "yes")
		test(t, ".keyset.json.lock")
	})
}

// TestConcurrentWritersLoseNoUpdates runs writers in this process and in others, and a reader at
// the same time.
func TestConcurrentWritersLoseNoUpdates(t *testing.T) {
	eachLock(t, testConcurrentWriters)
}

func testConcurrentWriters(t *testing.T, more ...string) {
	const processes, callers, each = 4, 3, 12
	dir := sharedDir(t)
	path := filepath.Join(dir, "keyset.json")
	done := make(chan struct{})
	var reader, writers sync.WaitGroup
	reader.Go(func() {
		for {
			if _, err := Load(path); err != nil {
				assert.Equal(t, []securefile.Reason{securefile.Missing}, reasons(t, err))
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
		process := roleCommand(t, identity{}, "add", path, prefix, strconv.Itoa(each))
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
				assert.NoError(t, add(patientStore(path), fmt.Sprintf("caller-%d-%d", i, j)))
			}
		})
	}
	writers.Wait()
	close(done)
	reader.Wait()
	keyring, err := Load(path)
	require.NoError(t, err)
	assert.ElementsMatch(t, want, idsOf(keyring))
	assert.Equal(t, append(more, "keyset.json"), names(t, dir))
}

func TestWaitsForLockOfAnotherProcess(t *testing.T) {
	eachLock(t, func(t *testing.T, _ ...string) { testWaitsForLock(t) })
}

func testWaitsForLock(t *testing.T) {
	t.Helper()
	path := filepath.Join(sharedDir(t), "keyset.json")
	holder := roleCommand(t, identity{}, "hold", path)
	stdin, err := holder.StdinPipe()
	require.NoError(t, err)
	startRole(t, holder)
	defer func() { _ = stdin.Close() }()
	added := make(chan error, 1)
	go func() { added <- add(patientStore(path), "a") }()
	select {
	case err := <-added:
		require.Fail(t, "two writers hold the lock", "%v", err)
	case <-time.After(5 * lockRetryInterval):
	}
	require.NoError(t, holder.Process.Kill()) // the system releases the lock of a dead process
	_ = holder.Wait()
	select {
	case err := <-added:
		require.NoError(t, err)
	case <-time.After(2 * deadline):
		require.Fail(t, "the writer did not get the lock of the process that was killed")
	}
}

// TestLongKilledWriters kills writers at random times: the file is always complete and has a key
// that signs, and the next writer removes what a killed one left behind.
func TestLongKilledWriters(t *testing.T) {
	kills := 50
	if text := os.Getenv(varKills); text != "" {
		var err error
		kills, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	dir := sharedDir(t)
	path := filepath.Join(dir, "keyset.json")
	write(t, path, keysetText(t, "first"), 0o640)
	random := rand.New(rand.NewPCG(5, 1))
	changes, leftovers, later := 0, 0, noon.AddDate(10, 0, 0)
	for i := range kills {
		before := read(t, path)
		process := roleCommand(t, identity{}, "rotate", path)
		startRole(t, process)
		// Every second writer has changed the file before it is killed, however slow the machine.
		if i%2 == 1 {
			require.Eventually(t, func() bool { return read(t, path) != before }, deadline,
				time.Millisecond, "kill %d: the writer does not change the file", i)
		}
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
		entries := names(t, dir)
		require.LessOrEqual(t, len(entries), 2, "each writer removes the leftovers of the last")
		leftovers += len(entries) - 1
	}
	t.Logf("%d kills: %d writers had changed the file, %d leftovers", kills, changes, leftovers)
	assert.Greater(t, changes, kills/4, "kills before the first change show nothing")
	require.NoError(t, add(NewStore(path), "last"))
	assert.Equal(t, []string{"keyset.json"}, names(t, dir))
}
