package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTraceFile(t *testing.T) {
	const variable = "OFFLOAD_SESSION_ISSUE_TRACE_FILE"
	folder := t.TempDir()
	other := filepath.Join(folder, "keyset.json")
	require.NoError(t, os.WriteFile(other, []byte(`{"keys":[]}`), 0o600))
	absent := filepath.Join(folder, "trace")
	for name, problem := range map[string]string{
		filepath.Join(folder, "none", "trace"): "is in a directory that does not exist",
		folder:                                 "is not a regular file",
		other:                                  "holds something else than a trace",
	} {
		assertFindings(t, []finding{{variable, "environment", problem}},
			load(t, env(variable+"="+name)).Faults)
	}
	review := load(t, env(variable+"="+absent))
	assertFindings(t, nil, review.Faults)
	assert.Equal(t, absent, review.Config.TraceFile)
	assert.NoFileExists(t, absent, "a check writes nothing")
	content, err := os.ReadFile(other)
	require.NoError(t, err)
	assert.Equal(t, `{"keys":[]}`, string(content))
}
