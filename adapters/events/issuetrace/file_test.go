package issuetrace_test

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/events/issuetrace"
	"github.com/offload/sessiond/adapters/limiter/memory"
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

func TestFullTraceStopsAndIsReportedOnce(t *testing.T) {
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

	// After a restart it is still full.
	again := &portsfake.Events{}
	storage, file = traced(t, name, clock, again)
	decide(t, storage, clock, 1)
	file.Close()
	assert.Equal(t, text, content(t, name))
}

func TestRestartBeginsSection(t *testing.T) {
	name := filepath.Join(t.TempDir(), "trace")
	clock := portsfake.NewClock(began)
	storage, file := traced(t, name, clock, &portsfake.Events{})
	decide(t, storage, clock, 2)
	file.Close()
	// The process was killed while it wrote a line.
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

// TestLostLinesAreCounted makes more decisions than may wait: every one is in the trace, or counted
// in it.
func TestLostLinesAreCounted(t *testing.T) {
	const n = 500
	defer issuetrace.SetMaxWaiting(len(header) + 1000)()
	name := filepath.Join(t.TempDir(), "trace")
	clock := portsfake.NewClock(began)
	storage, file := traced(t, name, clock, &portsfake.Events{})
	decide(t, storage, clock, n)
	file.Close()
	all, skipped := read(t, content(t, name))
	assert.Positive(t, skipped[issuetrace.ReasonLost])
	assert.Equal(t, n, len(all)+skipped[issuetrace.ReasonLost])
	assert.Len(t, skipped, 1)
}

// fullDisk is an output that accepts one write and then half of another, which fails. It calls more
// before the failure is returned.
type fullDisk struct {
	*os.File
	writes int
	whole  int // complete lines that were written
	more   func()
}

func (d *fullDisk) Write(lines []byte) (int, error) {
	d.writes++
	full := d.writes > 1 && len(lines) > 0
	if full {
		lines = lines[:len(lines)/2]
	}
	n, err := d.File.Write(lines)
	d.whole += bytes.Count(lines[:n], []byte{'\n'})
	if full {
		d.more()
		err = syscall.ENOSPC
	}
	return n, err
}

// TestFullDiskEndsTrace checks that the trace ends with a complete line, although lines were queued
// during the write that failed.
func TestFullDiskEndsTrace(t *testing.T) {
	name := filepath.Join(t.TempDir(), "trace")
	out, err := os.Create(name)
	require.NoError(t, err)
	decides, err := memory.New(1_000_000, limits.Limits.Of)
	require.NoError(t, err)
	clock, events := portsfake.NewClock(began), &portsfake.Events{}
	disk := &fullDisk{File: out}
	var storage *issuetrace.Storage
	ready := make(chan struct{})
	disk.more = func() {
		<-ready
		decide(t, storage, clock, 100)
	}
	file := issuetrace.Start(disk, limits, events)
	storage = issuetrace.NewStorage(decides, file, clock, throttle.NewTraceDigester(digestKey), true)
	close(ready)
	require.Eventually(t, func() bool {
		decide(t, storage, clock, 10)
		return len(events.Recorded()) > 0
	}, time.Minute, 10*time.Millisecond, "the trace ends")
	file.Close()
	text := content(t, name)
	assert.True(t, strings.HasPrefix(text, header+"\n") && strings.HasSuffix(text, "\n"))
	all, skipped := read(t, text)
	assert.Empty(t, skipped)
	assert.Equal(t, disk.whole, 1+len(all), "complete lines that were written are kept")
	full, is := events.Recorded()[0].(ports.TraceFull)
	require.True(t, is)
	assert.Equal(t, int64(len(text)), full.Bytes)
	assert.ErrorContains(t, full.Cause, "no space left on device")
	assert.Len(t, events.Recorded(), 1)
}

func TestOpenRefusesFilesThatCannotHoldTrace(t *testing.T) {
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

// TestReaderSkipsMalformedLines damages every second line in some way.
func TestReaderSkipsMalformedLines(t *testing.T) {
	const good = "17 1800000000000000000 granted ip=AAAAAAAAAAAAAAAAAAAAAA"
	bad := []string{
		"", " ", "17", "x 1 granted ip=AAAAAAAAAAAAAAAAAAAAAA",
		"-1 1 granted ip=AAAAAAAAAAAAAAAAAAAAAA", "17 1 granted", "17 1 given ip=AAAAAAAAAAAAAAAAAAAAAA",
		"17 1 granted:ip ip=AAAAAAAAAAAAAAAAAAAAAA", "17 1 refused ip=AAAAAAAAAAAAAAAAAAAAAA",
		"17 1 refused:x ip=AAAAAAAAAAAAAAAAAAAAAA", "17 1 granted x=AAAAAAAAAAAAAAAAAAAAAA",
		"17 1 granted ip=AAAA", "17 1 granted ip=AAAAAAAAAAAAAAAAAAAAAB",
		good + " ip=AAAAAAAAAAAAAAAAAAAAAA", good + strings.Repeat(" network=AAAAAAAAAAAAAAAAAAAAAA", 4),
		"9223372036854775807 1 granted ip=AAAAAAAAAAAAAAAAAAAAAA",
		"17 -1 granted ip=AAAAAAAAAAAAAAAAAAAAAA",
		"17 9223372036854775807 granted ip=AAAAAAAAAAAAAAAAAAAAAA",
		"lost", "lost x", "lost 0", `{"sessiond_trace":1}`, `{"sessiond_trace":`, "\x00\xff",
	}
	text := "a line\n" + header + "\n"
	for _, line := range bad {
		text += good + "\n" + line + "\n"
	}
	all, skipped := read(t, text+"lost 12\n")
	assert.Len(t, all, len(bad))
	assert.Equal(t, map[string]int{issuetrace.ReasonMalformed: len(bad) + 1,
		issuetrace.ReasonLost: 12}, skipped)
}

// TestDamagedHeaderBeginsProcess checks that a process begins at every header but the first, even
// if it is damaged or follows an incomplete line.
func TestDamagedHeaderBeginsProcess(t *testing.T) {
	const line = "17 1800000000000000000 granted ip=AAAAAAAAAAAAAAAAAAAAAA\n"
	for _, damaged := range []string{header[:40], line[:30] + header} {
		all, skipped := read(t, header+"\n"+line+line+damaged+"\n"+line)
		assert.Equal(t, map[string]int{issuetrace.ReasonMalformed: 1}, skipped)
		require.Len(t, all, 3)
		assert.Nil(t, all[1].Begins)
		assert.Equal(t, &limits, all[2].Begins)
	}
}

func TestHasLinesFindsLinesWithoutHeader(t *testing.T) {
	const line = "17 18 refused:renewal_ip ip=AAAAAAAAAAAAAAAAAAAAAA"
	for text, want := range map[string]bool{
		line: true, line[4:] + "\n" + line: true, line[1:]: true, line[3:]: false, "": false,
		`203.0.113.5 - - [30/Nov/2026:12:00:05 +0000] "POST / HTTP/1.1" 200 5`: false,
	} {
		assert.Equal(t, want, issuetrace.HasLines([]byte(text)), text)
	}
}

func TestReaderFailsForOtherVersionOrDamagedFirstHeader(t *testing.T) {
	for text, want := range map[string]string{
		strings.Replace(header, `trace":1`, `trace":2`, 1): "version 2 of the format, and this sessiond reads version 1",
		`{"sessiond_trace":1`:                              "damaged",
		strings.Replace(header, `"ip"`, `"user"`, 1):       "damaged",
		strings.Replace(header, `:60`, `:9999999999`, 1):   "damaged",
		strings.Replace(header, `:100`, `:9999999999`, 1):  "damaged",
		strings.Replace(header, `:100`, `:-1`, 1):          "damaged",
		strings.Replace(header, `observe`, `refuse`, 1):    "damaged",
	} {
		reader := issuetrace.NewReader(lines{bufio.NewScanner(strings.NewReader(text))},
			func(string, int) {})
		var attempt ports.Attempt
		_, err := reader.Next(&attempt)
		assert.ErrorContains(t, err, want)
	}
}
