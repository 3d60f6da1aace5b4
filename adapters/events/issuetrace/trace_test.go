package issuetrace_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
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

var (
	digestKey = []byte("0123456789abcdef0123456789abcdef")
	limits    = ports.RecordedLimits{Limits: throttle.Limits{2, 0, 4, 2, 100},
		Window: time.Minute, Mode: ports.Observe}
	began = time.Unix(1_800_000_000, 0)
)

const header = `{"sessiond_trace":1,"mode":"observe","window_seconds":60,` +
	`"limits":{"install_id":4,"ip":2,"network":0,"renewal":2,"renewal_ip":100}}`

// check returns a check for a subject with a number.
func check(dimension throttle.Dimension, n int) throttle.Check {
	return throttle.Check{Dimension: dimension, Limit: limits.Limits.Of(dimension),
		Window: limits.Window, Subject: throttle.NewDigester(digestKey).Subject(dimension,
			fmt.Sprint(n))}
}

// traced returns a memory storage whose decisions are written to the file name, and that file,
// which the caller may close.
func traced(t *testing.T, name string, clock ports.Clock,
	events ports.Events) (*issuetrace.Storage, *issuetrace.File) {
	t.Helper()
	storage, err := memory.New(1_000_000, limits.Limits.Of)
	require.NoError(t, err)
	file, err := issuetrace.Open(name, limits, events)
	require.NoError(t, err)
	t.Cleanup(file.Close)
	return issuetrace.NewStorage(yielding{storage}, file, clock, throttle.NewTraceDigester(digestKey),
		true), file
}

// yielding is a storage that lets other goroutines run between its decision and the line.
type yielding struct{ ports.LimiterStorage }

func (y yielding) Decide(ctx context.Context, now throttle.Instant,
	checks throttle.Checks) (throttle.Decision, error) {
	decision, err := y.LimiterStorage.Decide(ctx, now, checks)
	runtime.Gosched()
	return decision, err
}

// lines is an issuetrace.Lines over text.
type lines struct{ *bufio.Scanner }

func (l lines) Next() ([]byte, bool, error) {
	if !l.Scan() {
		return nil, false, l.Err()
	}
	return l.Bytes(), true, nil
}

// read returns the attempts of a trace, and how many lines were skipped for each reason.
func read(t *testing.T, text string) ([]ports.Attempt, map[string]int) {
	t.Helper()
	skipped := map[string]int{}
	reader := issuetrace.NewReader(lines{bufio.NewScanner(strings.NewReader(text))},
		func(reason string, count int) { skipped[reason] += count })
	var all []ports.Attempt
	for {
		var attempt ports.Attempt
		more, err := reader.Next(&attempt)
		require.NoError(t, err)
		if !more {
			return all, skipped
		}
		all = append(all, attempt)
	}
}

// content returns the text of the file name.
func content(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(text)
}

// TestTraceLeavesProofsOut makes decisions with proofs: a line holds the checks of limits only, and
// there is no line if a used proof caused the refusal, or if only a proof was checked.
func TestTraceLeavesProofsOut(t *testing.T) {
	name := filepath.Join(t.TempDir(), "trace")
	clock := portsfake.NewClock(began)
	storage, file := traced(t, name, clock, &portsfake.Events{})
	proof := throttle.Check{Dimension: throttle.ByProof, Limit: throttle.ProofLimit,
		Window: 7 * time.Minute, Subject: throttle.Subject{1}}
	for range 2 {
		for _, checks := range []throttle.Checks{
			throttle.NewChecks(check(throttle.ByAddress, 1), check(throttle.ByInstall, 1), proof),
			throttle.NewChecks(proof),
		} {
			_, err := storage.Decide(t.Context(), clock.Instant(), checks)
			require.NoError(t, err)
		}
	}
	file.Close()
	text := content(t, name)
	assert.NotContains(t, text, "proof")
	attempts, skipped := read(t, text)
	require.Len(t, attempts, 1)
	assert.Empty(t, skipped)
	assert.Equal(t, 2, attempts[0].Checks.Len())
}

func TestTraceHoldsDecisions(t *testing.T) {
	name := filepath.Join(t.TempDir(), "trace")
	clock := portsfake.NewClock(began)
	storage, file := traced(t, name, clock, &portsfake.Events{})
	request := throttle.NewChecks(check(throttle.ByAddress, 1), check(throttle.ByInstall, 1))
	start := clock.Instant()
	for range 3 {
		_, err := storage.Decide(t.Context(), clock.Instant(), request)
		require.NoError(t, err)
		clock.Advance(time.Second)
	}
	file.Close()
	text := content(t, name)
	info, err := os.Stat(name)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	written := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	require.Len(t, written, 4)
	assert.Equal(t, header, written[0])
	var outcomes []string
	for _, line := range written[1:] {
		outcomes = append(outcomes, strings.Fields(line)[2])
	}
	assert.Equal(t, []string{"granted", "granted", "refused:ip"}, outcomes)

	all, skipped := read(t, text)
	assert.Empty(t, skipped)
	require.Len(t, all, 3)
	assert.Equal(t, &limits, all[0].Begins)
	for i, attempt := range all {
		assert.Equal(t, start.After(time.Duration(i)*time.Second), attempt.Instant)
		assert.True(t, attempt.Time.Equal(began.Add(time.Duration(i)*time.Second)))
		require.Equal(t, 2, attempt.Checks.Len())
		for j := range 2 {
			got, want := attempt.Checks.At(j), request.At(j)
			assert.Equal(t, throttle.NewTraceDigester(digestKey).Subject(want.Subject), got.Subject)
			assert.NotEqual(t, want.Subject, got.Subject, "the storage's digest is not shown")
			got.Subject = want.Subject
			assert.Equal(t, want, got)
		}
	}
}

// failing is a storage whose decisions fail.
type failing struct{}

func (failing) Decide(context.Context, throttle.Instant,
	throttle.Checks) (throttle.Decision, error) {
	return throttle.Decision{}, errors.New("no answer")
}

func TestUndecidedRequestsAreMarked(t *testing.T) {
	name := filepath.Join(t.TempDir(), "trace")
	file, err := issuetrace.Open(name, limits, &portsfake.Events{})
	require.NoError(t, err)
	storage := issuetrace.NewStorage(failing{}, file, portsfake.NewClock(began),
		throttle.NewTraceDigester(digestKey), false)
	_, err = storage.Decide(t.Context(), 1, throttle.NewChecks(check(throttle.ByAddress, 1)))
	require.Error(t, err)
	file.Close()
	all, _ := read(t, content(t, name))
	require.Len(t, all, 1)
	assert.True(t, all[0].Undecided)
}

// TestLinesAreInOrderOfDecisions replays the decisions of concurrent callers: an equal storage must
// make the same ones.
func TestLinesAreInOrderOfDecisions(t *testing.T) {
	name := filepath.Join(t.TempDir(), "trace")
	clock := portsfake.NewClock(began)
	storage, file := traced(t, name, clock, &portsfake.Events{})
	var callers sync.WaitGroup
	for caller := range 8 {
		callers.Go(func() {
			for i := range 500 {
				now := clock.Instant() // lower than that of a decision made before, for some callers
				clock.Advance(2 * time.Second)
				_, err := storage.Decide(t.Context(), now, throttle.NewChecks(
					check(throttle.ByAddress, i%20), check(throttle.ByInstall, (caller+i)%7)))
				assert.NoError(t, err)
			}
		})
	}
	callers.Wait()
	file.Close()
	text := content(t, name)
	all, skipped := read(t, text)
	assert.Empty(t, skipped)
	require.Len(t, all, 4000)
	again, err := memory.New(1_000_000, limits.Limits.Of)
	require.NoError(t, err)
	recorded := strings.Split(text, "\n")[1:]
	refused := 0
	for i, attempt := range all {
		decision, err := again.Decide(t.Context(), attempt.Instant, attempt.Checks)
		require.NoError(t, err)
		want := "granted"
		if refusal, is := decision.Refusal(); is {
			want = "refused:" + refusal.Dimension.String()
			refused++
		}
		require.Equal(t, want, strings.Fields(recorded[i])[2], "line %d", i)
	}
	assert.NotZero(t, refused)
	assert.Less(t, refused, len(all))
}
