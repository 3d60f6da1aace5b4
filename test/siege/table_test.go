package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTable(t *testing.T) {
	all := []shape{{name: "a", title: "first"}, {name: "b", title: "second"},
		{name: "c", title: "third"}, {name: "d", title: "fourth", throughput: true}}
	before := record{
		"a": {MemoryMiB: 2431.4, CalmMS: 3.25, AttackedMS: 5000, FailedPercent: 12.34,
			LinesPerSecond: 13324.9, RecoverySeconds: never, Ended: "signal: broken pipe"},
		"c": {RecoverySeconds: 1, Passed: 42},
		"d": {AnsweredPerSecond: 1183.2},
	}
	after := record{
		"a": {MemoryMiB: 61.6, CalmMS: 2, AttackedMS: 14.4, LinesPerSecond: 0.2,
			RecoverySeconds: 0.5},
		"b": {MemoryMiB: 1, CalmMS: 2, AttackedMS: 3, LivezFailures: 2},
		"c": {},
	}
	text := table(all, before, after)
	head, rows, found := strings.Cut(text, "| --- | --- | --- | --- | --- | --- |\n")
	require.True(t, found)
	assert.Contains(t, head, "less than 256 MiB")
	assert.Equal(t, strings.Join([]string{
		"| first | 2431 → 62 | 3.2, none served → 2, 14 | 13325 → 0.2 | never → 0.5 | " +
			"process ended (signal: broken pipe), 12.3% of the others failed → – |",
		"| second | – → 1 | – → 2, 3 | – → 0 | – → 0.0 | – → /livez failed |",
		"| third | 0 → 0 | 0, 0 → 0, 0 | 0 → 0 | 1.0 → 0.0 | " +
			"42 sessions beyond the limit → – |",
		"| fourth | 0 → – | 0, 0 → – | 0 → – | 0.0 → – | 1183 responses a second → – |",
		"",
	}, "\n"), rows)
	columns := strings.Count(strings.SplitN(rows, "\n", 2)[0], "|")
	for row := range strings.Lines(rows) {
		assert.Equal(t, columns, strings.Count(row, "|"), row)
	}
}
