package lines_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/system/lines"
)

// all returns the lines of from and the number of those that are too long.
func all(t *testing.T, from io.Reader) (found []string, tooLong int, err error) {
	t.Helper()
	reader := lines.NewReader(from, func() { tooLong++ })
	for {
		line, more, err := reader.Next()
		if err != nil || !more {
			return found, tooLong, err
		}
		found = append(found, string(line))
	}
}

func TestNextSkipsEmptyAndLongLines(t *testing.T) {
	long := strings.Repeat("x", 70_000)
	for text, want := range map[string][]string{
		"":                                 nil,
		"\n\n":                             nil,
		"a":                                {"a"},
		"a\nb\n":                           {"a", "b"},
		"a\r\n\r\nb":                       {"a", "b"},
		"a\n" + long + "\nb":               {"a", "b"},
		"a\n" + long + long + long:         {"a"},
		strings.Repeat("x", 65_535) + "\n": {strings.Repeat("x", 65_535)},
	} {
		for _, from := range []io.Reader{strings.NewReader(text),
			iotest.HalfReader(strings.NewReader(text))} {
			found, tooLong, err := all(t, from)
			require.NoError(t, err)
			assert.Equal(t, want, found)
			assert.Equal(t, strings.Contains(text, long), tooLong == 1)
		}
	}
}

func TestNextReturnsReadErrors(t *testing.T) {
	broken := errors.New("broken")
	for _, before := range []string{"a\nb", strings.Repeat("x", 70_000)} {
		_, _, err := all(t, io.MultiReader(strings.NewReader(before), iotest.ErrReader(broken)))
		assert.ErrorIs(t, err, broken)
	}
}

func TestStartConsumesNothing(t *testing.T) {
	reader := lines.NewReader(strings.NewReader("abc\n"), func() {})
	for n, want := range map[int]string{2: "ab", 100: "abc\n"} {
		start, err := reader.Start(n)
		require.NoError(t, err)
		assert.Equal(t, want, string(start))
	}
	line, more, err := reader.Next()
	require.NoError(t, err)
	assert.True(t, more)
	assert.Equal(t, "abc", string(line))
}
