package securefile

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestContentOfFileWithoutEnd reads a pipe, because files without end that are regular files of the
// kernel need privileges.
func TestContentOfFileWithoutEnd(t *testing.T) {
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = reader.Close(), writer.Close() })
	_, err = writer.WriteString("more follows")
	require.NoError(t, err)
	content, err := contentWithin(reader, 100, time.Millisecond)
	var fault *Fault
	require.ErrorAs(t, err, &fault)
	assert.Equal(t, TooSlow, fault.Reason)
	assert.Nil(t, content)
}
