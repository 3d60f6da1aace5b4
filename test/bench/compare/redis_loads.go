package main

import (
	"encoding/base64"
	"encoding/binary"
	"math/rand/v2"

	"github.com/offload/sessiond/domain/throttle"
)

// The limits of an address and of an installation.
const (
	perAddress = 8
	perInstall = 4
)

// request is the checks of one request: for an address and for an installation.
type request struct {
	checks throttle.Checks
	keys   [2]string // the same subjects as text, for redis_rate
}

func newRequest(address, install uint64) request {
	of := [2]throttle.Check{
		{Dimension: throttle.ByAddress, Limit: perAddress, Window: window},
		{Dimension: throttle.ByInstall, Limit: perInstall, Window: window},
	}
	var q request
	for i, number := range []uint64{address, install} {
		of[i].Subject[0] = byte(1 + i)
		binary.BigEndian.PutUint64(of[i].Subject[8:], number)
		q.keys[i] = of[i].Dimension.String() + ":" +
			base64.RawURLEncoding.EncodeToString(of[i].Subject[:])
	}
	q.checks = throttle.NewChecks(of[:]...)
	return q
}

// sharedLoad draws the subjects of the next request.
type sharedLoad struct {
	name string
	draw func(*rand.Rand) (address, install uint64)
}

var sharedLoads = []sharedLoad{
	// Nearly all subjects are new.
	{"granted", func(random *rand.Rand) (address, install uint64) {
		return random.Uint64N(10_000_000), random.Uint64N(10_000_000)
	}},
	// One installation sends all requests.
	{"refused", func(*rand.Rand) (address, install uint64) { return 1, 1 }},
	// Most subjects are new, some return, some share their address with many, and one request in
	// ten comes from the same script.
	{"mix", func(random *rand.Rand) (address, install uint64) {
		switch kind := random.IntN(10); {
		case kind == 0:
			return 1, 1
		case kind <= 2:
			return 2 + random.Uint64N(500), 2 + random.Uint64N(10_000_000)
		case kind == 3:
			again := 2 + random.Uint64N(5_000)
			return 1_000 + again, again
		}
		return 10_000 + random.Uint64N(10_000_000), 10_000 + random.Uint64N(10_000_000)
	}},
}
