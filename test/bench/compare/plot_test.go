package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/bench/rig"
)

// TestPlotsAreDeterministic draws one curve twice.
func TestPlotsAreDeterministic(t *testing.T) {
	curves := []rig.Curve{{Name: replicasCurve, X: "replicas", Unit: rig.PerSecond,
		Points: []rig.Point{{X: 1, Y: 100}, {X: 2, Y: 150}}}}
	var drawn [2][]byte
	for i := range drawn {
		folder := t.TempDir()
		require.NoError(t, plotAll(curves, folder))
		var err error
		drawn[i], err = os.ReadFile(filepath.Join(folder, plots[replicasCurve]))
		require.NoError(t, err)
	}
	assert.Equal(t, drawn[0], drawn[1])
	assert.Less(t, len(drawn[0]), 20_000)
	assert.Equal(t, "| What | Grows with | Measured |\n| --- | --- | --- |\n"+
		"| decisions on one Redis, 64 callers in all | replicas | 1: 100 /s; 2: 150 /s |\n"+
		"\n![decisions on one Redis, 64 callers in all](replicas.svg)\n", grown(curves))
}
