package portstest

import (
	"context"
	"encoding/binary"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// BenchmarkChecks compares a decision on the three checks of a new session with a decision on two,
// without the network. They take turns, so that other load on the machine slows both alike. It
// reports the time of each, with the given number of concurrent callers, and the ratio of the two.
// now returns the instant of a decision.
func BenchmarkChecks(b *testing.B, storage ports.LimiterStorage, callers int,
	now func() throttle.Instant) {
	for scenario, c := range []struct {
		name     string
		networks uint64
	}{{"as many networks as addresses", 1 << 62}, {"256 networks", 256}} {
		b.Run(c.name, func(b *testing.B) {
			const turns = 50
			var spent [2]time.Duration
			var decisions [2]atomic.Uint64
			each := max(1, b.N/callers/turns/2)
			for turn := range 2 * turns {
				with := turn % 2
				from := time.Now()
				var group sync.WaitGroup
				for range callers {
					group.Go(func() {
						for range each {
							// Each client comes four times.
							number := decisions[with].Add(1) / 4
							checks := newSession(byte(2*scenario+with), number,
								number%c.networks, with == 1)
							if _, err := storage.Decide(context.Background(), now(),
								checks); !assert.NoError(b, err) {
								return
							}
						}
					})
				}
				group.Wait()
				spent[with] += time.Since(from)
			}
			nanos := func(with int) float64 {
				return float64(spent[with]) / float64(decisions[with].Load())
			}
			b.ReportMetric(nanos(0), "ns/two-checks")
			b.ReportMetric(nanos(1), "ns/three-checks")
			b.ReportMetric(nanos(1)/nanos(0), "three/two")
			b.ReportMetric(0, "ns/op") // hides the time of both together
		})
	}
}

// newSession returns the checks of the new session of a client, with the default limits.
func newSession(run byte, client, network uint64, withNetwork bool) throttle.Checks {
	of := func(dimension throttle.Dimension, number uint64, limit int) throttle.Check {
		subject := throttle.Subject{0: byte(dimension), 1: run}
		binary.BigEndian.PutUint64(subject[8:], number)
		return throttle.Check{Dimension: dimension, Subject: subject, Limit: limit, Window: window}
	}
	address, install := of(throttle.ByAddress, client, 32), of(throttle.ByInstall, client, 4)
	if !withNetwork {
		return throttle.NewChecks(address, install)
	}
	return throttle.NewChecks(address, of(throttle.ByNetwork, network, 2048), install)
}
