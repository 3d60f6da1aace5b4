package logs_test

import (
	"io"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/events/logs"
)

func TestOutputWritesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // so that Close cannot give up on a slow machine
		var text output
		out := logs.NewOutput(&text)
		for _, line := range []string{"a\n", "b\n", "c\n"} {
			n, err := out.Write([]byte(line))
			require.NoError(t, err)
			assert.Equal(t, 2, n)
		}
		out.Close()
		assert.Equal(t, "a\nb\nc\n", text.text.String())
		assert.Zero(t, out.Dropped())
		_, err := out.Write([]byte("late\n"))
		require.NoError(t, err)
		out.Close()
		assert.Equal(t, "a\nb\nc\n", text.text.String())
		assert.EqualValues(t, 1, out.Dropped())
	})
}

func TestOutputNeverBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		read, write := io.Pipe()
		out := logs.NewOutput(write)
		for range 10_000 {
			_, err := out.Write([]byte("line\n"))
			require.NoError(t, err)
		}
		out.Close() // gives up, in the bubble's time
		rest := make(chan string)
		go func() {
			text, err := io.ReadAll(read)
			assert.NoError(t, err)
			rest <- string(text)
		}()
		synctest.Wait()
		require.NoError(t, write.Close())
		text := <-rest
		lines := strings.Count(text, "line\n")
		assert.LessOrEqual(t, lines, 4097)
		assert.GreaterOrEqual(t, lines, 4096)
		assert.Contains(t, text, `"event":"log_lines_left_out","count":59`,
			"dropped lines are counted")
		assert.EqualValues(t, 10_000-lines, out.Dropped())
	})
}

// faulty is a writer that fails while it is broken.
type faulty struct {
	output
	broken atomic.Bool
}

func (f *faulty) Write(line []byte) (int, error) {
	if f.broken.Load() {
		return 0, syscall.EPIPE
	}
	return f.output.Write(line)
}

func TestOutputCountsLinesThatCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var to faulty
		out := logs.NewOutput(&to)
		write := func(lines ...string) {
			t.Helper()
			for _, line := range lines {
				n, err := out.Write([]byte(line))
				require.NoError(t, err)
				assert.Equal(t, len(line), n)
			}
			synctest.Wait()
		}
		write("a\n")
		to.broken.Store(true)
		write("b\n", "c\n")
		assert.EqualValues(t, 2, out.Dropped())
		assert.EqualValues(t, 2, out.Missing())
		to.broken.Store(false) // another reader, as of a named pipe
		write("d\n", "e\n")
		assert.Zero(t, out.Missing(), "a line reports them")
		out.Close()
		assert.Equal(t, `a
d
{"level":"WARN","event":"log_lines_left_out","count":2}
e
`, to.text.String())
		assert.EqualValues(t, 2, out.Dropped(), "the line that reports others is not counted")
	})
}
