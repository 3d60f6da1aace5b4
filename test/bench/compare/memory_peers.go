package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/go-chi/httprate"
	"github.com/sethvargo/go-limiter/memorystore"
	"github.com/throttled/throttled/v2"
	"github.com/throttled/throttled/v2/store/memstore"
	ulule "github.com/ulule/limiter/v3"
	ululememory "github.com/ulule/limiter/v3/drivers/store/memory"
	"golang.org/x/time/rate"
)

// limiter is a peer that counts in memory. It has a limit that is never reached, so that every call
// is granted, and sweeps seldom, so that no sweep falls into a turn.
type limiter struct {
	name string
	make func() (take, func(), error)
}

// take takes a grant for a key.
type take func(key string) error

// generous is the limit of peers, in a window.
const generous = 1_000_000_000

var errTaken = errors.New("refused")

var limiters = []limiter{{"go-limiter", goLimiter}, {"ulule/limiter", ululeLimiter},
	{"throttled", throttledLimiter}, {"httprate", httprateLimiter}, {"x/time/rate", timeRate}}

// times returns a decider that calls the peer for each check.
func (t take) times(checks int) decider {
	return func(c *crowd, i int) error {
		for check := range checks {
			if err := t(c.key(i, check)); err != nil {
				return err
			}
		}
		return nil
	}
}

func goLimiter() (take, func(), error) {
	store, err := memorystore.New(&memorystore.Config{Tokens: generous, Interval: window})
	if err != nil {
		return nil, nil, err
	}
	ctx := context.Background()
	return func(key string) error {
		_, _, _, ok, err := store.Take(ctx, key)
		if err == nil && !ok {
			return errTaken
		}
		return err
	}, func() { _ = store.Close(ctx) }, nil
}

func ululeLimiter() (take, func(), error) {
	store := ululememory.NewStoreWithOptions(ulule.StoreOptions{CleanUpInterval: time.Hour})
	limit := ulule.New(store, ulule.Rate{Period: window, Limit: generous})
	ctx := context.Background()
	return func(key string) error {
		got, err := limit.Get(ctx, key)
		if err == nil && got.Reached {
			return errTaken
		}
		return err
	}, func() {}, nil
}

func throttledLimiter() (take, func(), error) {
	store, err := memstore.NewCtx(0)
	if err != nil {
		return nil, nil, err
	}
	limit, err := throttled.NewGCRARateLimiterCtx(store, throttled.RateQuota{
		MaxRate: throttled.PerDuration(generous, window), MaxBurst: generous})
	ctx := context.Background()
	return func(key string) error {
		limited, _, err := limit.RateLimitCtx(ctx, key, 1)
		if err == nil && limited {
			return errTaken
		}
		return err
	}, func() {}, err
}

// httprateLimiter does what its middleware does, without the headers.
func httprateLimiter() (take, func(), error) {
	limit := httprate.NewRateLimiter(generous, window,
		httprate.WithLimitCounter(httprate.NewLocalLimitCounter(window)))
	counter := limit.Counter()
	var mu sync.Mutex
	return func(key string) error {
		mu.Lock()
		defer mu.Unlock()
		ok, _, err := limit.Status(key)
		if err == nil && !ok {
			return errTaken
		}
		if err != nil {
			return err
		}
		return counter.Increment(key, time.Now().UTC().Truncate(window))
	}, func() {}, nil
}

// timeRate is the map of limiters that users of x/time/rate write.
func timeRate() (take, func(), error) {
	var mu sync.Mutex
	limits := map[string]*rate.Limiter{}
	return func(key string) error {
		mu.Lock()
		limit := limits[key]
		if limit == nil {
			limit = rate.NewLimiter(rate.Every(window/generous), generous)
			limits[key] = limit
		}
		mu.Unlock()
		if !limit.Allow() {
			return errTaken
		}
		return nil
	}, func() {}, nil
}
