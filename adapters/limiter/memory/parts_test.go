package memory_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/offload/sessiond/adapters/limiter/memory"
	"github.com/offload/sessiond/domain/throttle"
)

// parts holds the dimensions of each part, as the contract has them.
var parts = [][]throttle.Dimension{
	{throttle.ByAddress, throttle.ByNetwork},
	{throttle.ByRenewalAddress},
	{throttle.ByInstall, throttle.ByRenewal},
	{throttle.ByProof},
}

// most returns limit, or the only limit of proofs.
func most(dimension throttle.Dimension, limit int) int {
	if dimension == throttle.ByProof {
		return throttle.ProofLimit
	}
	return limit
}

// TestPartsDoNotDisplaceEachOther gives some subjects of all parts but one grants, and then floods
// that one with subjects, with grants, or with both: no other part forgets a grant.
func TestPartsDoNotDisplaceEachOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		maxSubjects := rapid.SampledFrom([]int{2, 5, 50, 8192}).Draw(t, "max subjects")
		flooded := rapid.IntRange(0, len(parts)-1).Draw(t, "flooded part")
		storage := open(t, maxSubjects, 8)
		var watched []throttle.Check
		for i, dimensions := range parts {
			for _, dimension := range dimensions {
				number := rapid.IntRange(0, 100).Draw(t, dimension.String())
				check := by(dimension, number,
					rapid.IntRange(1, most(dimension, 8)).Draw(t, "limit"))
				if i != flooded {
					watched = append(watched, check)
				}
			}
		}
		for _, check := range watched {
			for range check.Limit {
				mustDecide(t, storage, start, false, check)
			}
		}
		times := rapid.IntRange(1, 8).Draw(t, "grants of each")
		if maxSubjects > 1000 || parts[flooded][0] == throttle.ByProof {
			times = 1 // more take long, or would be refused
		}
		for i := range 3 * maxSubjects {
			dimensions := parts[flooded]
			for range times {
				mustDecide(t, storage, start.After(1), false, by(dimensions[i%len(dimensions)],
					1000+i, most(dimensions[0], 8)))
			}
		}
		if storage.Forgotten() == 0 {
			t.Fatalf("the flooded part has not forgotten a subject")
		}
		for _, check := range watched {
			if held := len(storage.Grants(check)); held != check.Limit {
				t.Fatalf("%d of %d grants by %s are left", held, check.Limit, check.Dimension)
			}
			mustDecide(t, storage, start.After(2), true, check)
		}
		if err := storage.CheckInvariants(); err != nil {
			t.Fatalf("%v", err)
		}
	})
}

// mustDecide makes checks, and fails the test unless they were refused, or granted, as expected.
func mustDecide(t tester, storage *memory.Storage, now throttle.Instant, refused bool,
	checks ...throttle.Check) {
	t.Helper()
	decision, err := storage.Decide(context.Background(), now, throttle.NewChecks(checks...))
	if err != nil || decision.Refused() != refused {
		t.Fatalf("refused is %v, error %v", decision.Refused(), err)
	}
}

// TestRenewalsDoNotFreeAnAddress has one address request as many sessions as it may have, again and
// again, while so many sessions are renewed in between that a storage without parts would have
// forgotten the address each time and issued 504 sessions in one window of 3 s.
func TestRenewalsDoNotFreeAnAddress(t *testing.T) {
	const maxSubjects, rounds, limit = 64, 63, 8
	storage := open(t, maxSubjects, maxSubjects)
	within := func(check throttle.Check) throttle.Check {
		check.Window = 3 * time.Second
		return check
	}
	now, granted, renewed := start, 0, 0
	for round := range rounds {
		for try := range limit {
			decision := decide(t, storage, now, within(byAddress(1, limit)),
				within(byNetwork(1, maxSubjects)), within(byInstall(round*limit+try, 4)))
			if !decision.Refused() {
				granted++
			}
		}
		for range 2 * maxSubjects {
			decision := decide(t, storage, now, within(byRenewal(renewed, 2)),
				within(byRenewalAddress(renewed, maxSubjects)))
			require.False(t, decision.Refused())
			renewed++
		}
		now = now.After(3 * time.Second / (rounds + 1))
	}
	assert.Equal(t, limit, granted, "no more than the limit in one window")
	assert.NotZero(t, storage.Forgotten(), "the renewals flushed their own parts")
}

// TestPartsHaveTheirOwnLimits shows that the number of shards, and which limits are accepted,
// depend on the limits of a part, not on those of the others.
func TestPartsHaveTheirOwnLimits(t *testing.T) {
	limits := map[throttle.Dimension]int{throttle.ByAddress: 8, throttle.ByNetwork: 50_001,
		throttle.ByInstall: 4, throttle.ByRenewalAddress: 100_001}
	limitOf := func(dimension throttle.Dimension) int { return limits[dimension] }
	storage, err := memory.New(100_000, limitOf)
	require.NoError(t, err)
	for dimension, c := range map[throttle.Dimension]struct{ shards, largest int }{
		throttle.ByAddress: {8, 50_001}, throttle.ByNetwork: {8, 50_001},
		throttle.ByRenewalAddress: {4, 100_001},
		throttle.ByInstall:        {16, 4}, throttle.ByRenewal: {16, 4},
		throttle.ByProof: {16, throttle.ProofLimit},
	} {
		assert.Equal(t, c.shards, storage.Shards(dimension), dimension.String())
		mustDecide(t, storage, start, false, by(dimension, 1, c.largest))
		_, err := storage.Decide(t.Context(), start,
			throttle.NewChecks(by(dimension, 2, c.largest+1)))
		assert.Error(t, err, "a limit that not every shard has room for")
	}
	_, err = memory.New(12_500, limitOf)
	assert.Equal(t, &memory.TooSmallError{MaxSubjects: 12_500, LargestLimit: 100_001,
		Minimum: 12_501}, err, "the part that needs most decides")
}

// TestEmptyStorageIsSmall shows that a storage takes memory for what it holds, not for what it may
// hold, in every part.
func TestEmptyStorageIsSmall(t *testing.T) {
	const empty, shardInUse = 48 << 10, 8 << 10
	used := func(checks ...throttle.Check) int64 {
		before := heap()
		storage := open(t, 100_000_000, 10_000)
		for _, check := range checks {
			decide(t, storage, start, check)
		}
		after := heap()
		runtime.KeepAlive(storage)
		return after - before
	}
	assert.Less(t, used(), int64(empty))
	var checks []throttle.Check
	for _, dimension := range append(throttle.Dimensions(), throttle.ByProof) {
		checks = append(checks, by(dimension, 1, most(dimension, 8)))
	}
	assert.Less(t, used(checks...), int64(empty+len(checks)*shardInUse), "one subject of each kind")
}
