package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/bench/rig"
)

// TestPlan computes a plan from round figures.
func TestPlan(t *testing.T) {
	results := rig.NewResults(
		rig.Row{What: issuedRow, Figures: []rig.Figure{{Name: issuedFigure, Value: 100_000}}},
		rig.Row{What: sharedRow, Figures: []rig.Figure{{Name: decidedFigure, Value: 10_000},
			{Name: keptFigure, Value: 100}}})
	m, err := measuredIn(results)
	require.NoError(t, err)
	assert.InDelta(t, 10_000, m.issued, 1e-6)
	p := m.plan()
	assert.InDelta(t, 277_778, p.renewals, 1)
	assert.Equal(t, 56, p.replicas)
	assert.Equal(t, 56, p.shards)
	assert.InDelta(t, 56.8, p.memory, 0.1)
	assert.InDelta(t, 0.0354, p.affected, 0.0001)

	short := p.after(10 * time.Minute)
	assert.InDelta(t, installations/6, short.waiting, 1)
	assert.Zero(t, short.expired, "sessions outlive the outage")
	assert.Equal(t, 10*time.Minute, short.drained, "half of the capacity is free")
	assert.InDelta(t, installations*2768/3600, p.after(time.Hour).expired, 1)
}

func TestMissingFigure(t *testing.T) {
	_, err := measuredIn(rig.NewResults())
	assert.ErrorContains(t, err, "run make bench first")
}

func TestGrouped(t *testing.T) {
	for value, text := range map[float64]string{0: "0", 7.6: "8", 99: "99", 1234: "1,200",
		277_777.8: "280,000", 166_666_667: "170,000,000"} {
		assert.Equal(t, text, grouped(value))
	}
}
