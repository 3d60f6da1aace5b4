package issuetrace_test

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/events/issuetrace"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/ports/portsfake"
)

// decide makes n decisions.
func decide(t *testing.T, storage *issuetrace.Storage, clock ports.Clock, n int) {
	t.Helper()
	for i := range n {
		_, err := storage.Decide(t.Context(), clock.Instant(),
			throttle.NewChecks(check(throttle.ByInstall, i)))
		require.NoError(t, err)
	}
}

func TestAFullTraceStopsAndIsReportedOnce(t *testing.T) {
	const limit = 2000
	defer issuetrace.SetMaxBytes(limit)()
	name := filepath.Join(t.TempDir(), "trace")
	clock, events := portsfake.NewClock(began), &portsfake.Events{}
	storage, file := traced(t, name, clock, events)
	decide(t, storage, clock, 100)
	decide(t, storage, clock, 100)
	file.Close()
	text := content(t, name)
	assert.LessOrEqual(t, len(text), limit)
	assert.Greater(t, len(text), limit-100)
	all, skipped := read(t, text)
	assert.Empty(t, skipped, "the last line is whole")
	assert.Greater(t, len(all), 10)
	assert.Equal(t, []ports.Event{ports.TraceFull{Bytes: int64(len(text))}}, events.Recorded())

	// A restart finds it full.
	again := &portsfake.Events{}
	storage, file = traced(t, name, clock, again)
	decide(t, storage, clock, 1)
	file.Close()
	assert.Equal(t, text, content(t, name))
}

func TestARestartBeginsASection(t *testing.T) {
	name := filepath.Join(t.TempDir(), "trace")
	clock := portsfake.NewClock(began)
	storage, file := traced(t, name, clock, &portsfake.Events{})
	decide(t, storage, clock, 2)
	file.Close()
	// It was killed within a line.
	text := content(t, name)
	require.NoError(t, os.WriteFile(name, []byte(text[:len(text)-10]), 0o644))
	storage, file = traced(t, name, clock, &portsfake.Events{})
	decide(t, storage, clock, 1)
	file.Close()
	all, skipped := read(t, content(t, name))
	assert.Equal(t, map[string]int{issuetrace.ReasonMalformed: 1}, skipped)
	require.Len(t, all, 2)
	assert.NotNil(t, all[0].Begins)
	assert.NotNil(t, all[1].Begins)
	info, err := os.Stat(name)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestFilesThatAreNotForATrace(t *testing.T) {
	folder := t.TempDir()
	used := filepath.Join(folder, "used")
	_, file := traced(t, used, portsfake.NewClock(began), &portsfake.Events{})
	defer file.Close()
	other := filepath.Join(folder, "other")
	require.NoError(t, os.WriteFile(other, []byte("text"), 0o644))
	for name, want := range map[string]string{
		used:                                   "is written by another process",
		other:                                  "holds something else than a trace",
		folder:                                 "is not a regular file",
		filepath.Join(folder, "none", "trace"): "is in a directory that does not exist",
	} {
		_, err := issuetrace.Open(name, limits, &portsfake.Events{})
		var fault *issuetrace.Fault
		require.ErrorAs(t, err, &fault, name)
		assert.Equal(t, want, fault.Problem)
		assert.NotContains(t, err.Error(), folder)
	}
	assert.Equal(t, "text", content(t, other))
}

// TestLinesThatCannotBeRead damages every second line in some way.
func TestLinesThatCannotBeRead(t *testing.T) {
	const good = "17 1800000000000000000 granted ip=AAAAAAAAAAAAAAAAAAAAAA"
	bad := []string{
		"", " ", "17", "x 1 granted ip=AAAAAAAAAAAAAAAAAAAAAA",
		"-1 1 granted ip=AAAAAAAAAAAAAAAAAAAAAA", "17 1 granted", "17 1 given ip=AAAAAAAAAAAAAAAAAAAAAA",
		"17 1 granted:ip ip=AAAAAAAAAAAAAAAAAAAAAA", "17 1 refused ip=AAAAAAAAAAAAAAAAAAAAAA",
		"17 1 refused:x ip=AAAAAAAAAAAAAAAAAAAAAA", "17 1 granted x=AAAAAAAAAAAAAAAAAAAAAA",
		"17 1 granted ip=AAAA", "17 1 granted ip=AAAAAAAAAAAAAAAAAAAAAB",
		good + " ip=AAAAAAAAAAAAAAAAAAAAAA", good + strings.Repeat(" network=AAAAAAAAAAAAAAAAAAAAAA", 4),
		"lost", "lost x", "lost 0", `{"sessiond_trace":1}`, `{"sessiond_trace":`, "\x00\xff",
	}
	text := "a line\n" + header + "\n"
	for _, line := range bad {
		text += good + "\n" + line + "\n"
	}
	all, skipped := read(t, text+"lost 12\n")
	assert.Len(t, all, len(bad))
	assert.Equal(t, map[string]int{issuetrace.ReasonMalformed: len(bad),
		issuetrace.ReasonHeaderless: 1, issuetrace.ReasonLost: 12}, skipped)
}

func TestATraceOfAnotherVersion(t *testing.T) {
	for text, want := range map[string]string{
		strings.Replace(header, `trace":1`, `trace":2`, 1): "version 2 of the format, and this sessiond reads version 1",
		`{"sessiond_trace":1`:                              "damaged",
		strings.Replace(header, `"ip"`, `"user"`, 1):       "damaged",
		strings.Replace(header, `observe`, `refuse`, 1):    "damaged",
	} {
		reader := issuetrace.NewReader(lines{bufio.NewScanner(strings.NewReader(text))},
			func(string, int) {})
		var attempt ports.Attempt
		_, err := reader.Next(&attempt)
		assert.ErrorContains(t, err, want)
	}
}
