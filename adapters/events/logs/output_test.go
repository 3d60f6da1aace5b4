package logs_test

import (
	"io"
	"strings"
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
		_, err := out.Write([]byte("late\n"))
		require.NoError(t, err)
		out.Close()
		assert.Equal(t, "a\nb\nc\n", text.text.String())
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
	})
}
