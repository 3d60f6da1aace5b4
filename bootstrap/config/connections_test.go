package config_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/adapters/system/capacity"
	"github.com/offload/sessiond/bootstrap/config"
)

func TestMaxConnectionsIsNoMoreThanTheMachineAllows(t *testing.T) {
	const mib, set = 1 << 20, "OFFLOAD_HTTP_MAX_CONNECTIONS"
	for name, c := range map[string]struct {
		given     string // empty: the default of 20000
		capacity  capacity.Capacity
		bound     int
		warned    string // what the warning says; empty for none
		remedying string
	}{
		"no limits":                  {"", capacity.Capacity{}, 20000, "", ""},
		"enough descriptors":         {"", capacity.Capacity{Descriptors: 20064}, 20000, "", ""},
		"the default, lowered":       {"", capacity.Capacity{Descriptors: 20000}, 19936, "", ""},
		"the default, just enough":   {"", capacity.Capacity{Descriptors: 4096 + 64}, 4096, "", ""},
		"the default, too few":       {"", capacity.Capacity{Descriptors: 4095 + 64}, 4095, "4095", "20064"},
		"the default, usual limit":   {"", capacity.Capacity{Descriptors: 1024}, 960, "960", "20064"},
		"given, lowered":             {"20000", capacity.Capacity{Descriptors: 20000}, 19936, "19936", "20064"},
		"given, not lowered":         {"100", capacity.Capacity{Descriptors: 1024}, 100, "", ""},
		"fewer than the reserve":     {"", capacity.Capacity{Descriptors: 10}, 1, "to 1:", "20064"},
		"memory":                     {"", capacity.Capacity{Memory: 600 * mib}, 6400, "", ""},
		"little memory":              {"", capacity.Capacity{Memory: 96 * mib}, 1024, "96 MiB", "1876 MiB"},
		"given, with little memory":  {"7000", capacity.Capacity{Memory: 600 * mib}, 6400, "600 MiB", "657 MiB"},
		"the lower of the two binds": {"", capacity.Capacity{Descriptors: 1024, Memory: 9 * mib}, 96, "9 MiB", "MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			var environ []string
			if c.given != "" {
				environ = []string{set + "=" + c.given}
			}
			review := config.Load(config.Sources{Environ: environ, Now: time.Unix(1_800_000_000, 0),
				Random: func(n int) []byte { return make([]byte, n) }, Capacity: c.capacity})
			assert.Empty(t, review.Faults)
			assert.Equal(t, c.bound, review.Config.MaxConnections)
			var warnings []config.Warning
			for _, warning := range review.Warnings {
				if warning.Variable == set {
					warnings = append(warnings, warning)
				}
			}
			if c.warned == "" {
				assert.Empty(t, warnings)
				return
			}
			if assert.Len(t, warnings, 1) {
				assert.Contains(t, warnings[0].Problem, c.warned)
				assert.Contains(t, warnings[0].Remedy, c.remedying)
			}
		})
	}
}
