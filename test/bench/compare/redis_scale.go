package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/offload/sessiond/adapters/limiter/redis"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/test/bench/rig"
)

// figuresOfScale returns what command scale needs besides: how many decisions a second are made on
// a Cluster of one node, where they do not share calls, and how much memory a key takes.
func figuresOfScale(turns rig.Plan) ([]rig.Figure, error) {
	server, err := startCluster()
	if err != nil {
		return nil, err
	}
	defer server.stop()
	decide, stop, err := behindPolicy(server)
	if err != nil {
		return nil, err
	}
	defer stop()
	all, err := rig.Run(turns, sharedContestant("on a Cluster of one node", sharedLoads[0], decide))
	if err != nil {
		return nil, err
	}
	bytes, err := bytesOfSubject(1)
	return append(rates(all...), rig.Figure{Name: "bytes of a subject with one grant", Value: bytes,
		Unit: rig.Bytes}), err
}

// bytesOfSubject returns how much memory a subject takes on a server that has had all the grants of
// a limit.
func bytesOfSubject(limit int) (float64, error) {
	server, err := startRedis()
	if err != nil {
		return 0, err
	}
	defer server.stop()
	storage, err := storageOn(server)
	if err != nil {
		return 0, err
	}
	defer storage.Close(context.Background())
	checks := throttle.NewChecks(throttle.Check{Subject: throttle.Subject{1}, Limit: limit,
		Window: time.Hour})
	for range limit {
		if _, err := storage.Decide(context.Background(), 0, checks); err != nil {
			return 0, err
		}
	}
	keys, err := server.do("KEYS", "*")
	if err != nil {
		return 0, err
	}
	names, err := keys.AsStrSlice()
	if err != nil || len(names) != 1 {
		return 0, fmt.Errorf("%d keys: %w", len(names), err)
	}
	usage, err := server.do("MEMORY", "USAGE", names[0])
	if err != nil {
		return 0, err
	}
	bytes, err := usage.AsInt64()
	return float64(bytes), err
}

// storageOn returns our storage on a server.
func storageOn(server *redisServer) (*redis.Storage, error) {
	url, err := redis.ParseURL(server.url())
	if err != nil {
		return nil, err
	}
	return redis.New(redis.Server{URL: url, KeyPrefix: "sessiond:", Timeout: timeout,
		Draw: rand.Float64}), nil
}
