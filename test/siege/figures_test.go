package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// held are figures that miss no goal of example.
var (
	example = shape{name: "example", floor: 100, attack: order{Connections: 10}}
	held    = figures{MemoryMiB: 255, CalmMS: 2, AttackedMS: 99, LinesPerSecond: 50,
		RecoverySeconds: 0.5, Connections: 10, SentPerSecond: 100}
)

func TestFaults(t *testing.T) {
	require.Empty(t, example.faults(held))
	strict := example
	strict.lines = 20
	for name, one := range map[string]struct {
		shape shape
		miss  func(*figures)
		want  string
		timed bool
	}{
		"process": {example, func(f *figures) { f.Ended = "signal: killed" },
			"signal: killed", false},
		"connections": {example, func(f *figures) { f.Connections = 9 },
			"9 connections came of 10", true},
		"no connection": {example, func(f *figures) { f.Connections = 0 }, "no attack", false},
		"nothing sent":  {example, func(f *figures) { f.SentPerSecond = 0 }, "no attack", false},
		"rate":          {example, func(f *figures) { f.SentPerSecond = 99 }, "too weak", true},
		"memory":        {example, func(f *figures) { f.MemoryMiB = 256 }, "grew by 256", false},
		"recovery": {example, func(f *figures) { f.RecoverySeconds = never },
			"no recovery", true},
		"lines":        {example, func(f *figures) { f.LinesPerSecond = 51 }, "goal is 50", false},
		"strict lines": {strict, func(*figures) {}, "goal is 20", false},
		"livez":        {example, func(f *figures) { f.LivezFailures = 1 }, "failed 1", false},
		"passed":       {example, func(f *figures) { f.Passed = 3 }, "3 sessions passed", false},
		"latency":      {example, func(f *figures) { f.AttackedMS = 100 }, "below 100", true},
		"slow machine": {example, func(f *figures) { f.CalmMS, f.AttackedMS = 30, 150 },
			"below 150", true},
	} {
		t.Run(name, func(t *testing.T) {
			f := held
			one.miss(&f)
			missed := one.shape.faults(f)
			require.Len(t, missed, 1)
			assert.Contains(t, missed[0].String(), one.want)
			assert.Equal(t, one.timed, missed[0].timed)
		})
	}
	within := held
	within.CalmMS, within.AttackedMS = 30, 149
	assert.Empty(t, example.faults(within), "below five times the calm latency")
}

func TestAgain(t *testing.T) {
	slow, other := []fault{{timed: true}}, []fault{{timed: true}, {}}
	assert.False(t, held.again(nil, 1))
	assert.True(t, held.again(slow, 1))
	assert.False(t, held.again(slow, 2))
	assert.False(t, held.again(other, 1))
	kept := held
	kept.RigLateMS = busyRig
	assert.False(t, kept.again(nil, 1))
	assert.True(t, kept.again(other, 2))
	assert.False(t, kept.again(other, 3))
}

func TestRecord(t *testing.T) {
	file := filepath.Join(t.TempDir(), "record.json")
	require.NoError(t, record{"first": held, "second": held}.mergeInto(file))
	changed := figures{RecoverySeconds: never, Ended: "exit status 1"}
	require.NoError(t, record{"second": changed}.mergeInto(file))
	got, err := readRecord(file)
	assert.InDelta(t, 2.3, figures{CalmMS: 2.26}.rounded().CalmMS, 0)
	require.NoError(t, err)
	assert.Equal(t, record{"first": held, "second": changed}, got)
}

// TestBeforeHasEveryShape checks the figures of the service without budgets against the shapes.
func TestBeforeHasEveryShape(t *testing.T) {
	before, err := readRecord("before.json")
	require.NoError(t, err)
	all := shapes(wantedFiles)
	assert.Len(t, before, len(all))
	for _, s := range all {
		assert.Contains(t, before, s.name)
		assert.Contains(t, attacks, s.attack.Kind, s.name)
	}
}

func TestShapesAreSizedDown(t *testing.T) {
	for _, s := range shapes(1500) {
		assert.LessOrEqual(t, s.attack.Connections, 1500-ownFiles, s.name)
	}
}

func TestChoose(t *testing.T) {
	all := []shape{{name: "idle"}, {name: "idle-tls"}, {name: "slow"}}
	for names, want := range map[string]int{"": 3, "idle": 2, "idle-tls,slow": 2, "slow": 1} {
		chosen, err := choose(all, names)
		require.NoError(t, err)
		assert.Len(t, chosen, want, names)
	}
	_, err := choose(all, "idle,fast")
	assert.ErrorContains(t, err, `"fast"`)
}
