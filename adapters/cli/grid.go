package cli

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/offload/sessiond/domain/throttle"
)

// GridSetting is one combination of limits. A zero limit or window means that the flag was not
// given; throttle.Off stands for a limit that was given as 0.
type GridSetting struct {
	Limits throttle.Limits
	Window time.Duration
}

// maxSettings is the maximum number of combinations. Each keeps grants of its own while it is
// simulated.
const maxSettings = 256

// gridFlags are the flags of the limits.
var gridFlags = []struct {
	dimension   throttle.Dimension
	name, usage string
}{
	{throttle.ByAddress, "per-ip", "new sessions per address and window, such as 8,16,32"},
	{throttle.ByNetwork, "per-network", "new sessions per network and window; 0 for no limit"},
	{throttle.ByInstall, "per-install", "new sessions per installation and window"},
	{throttle.ByRenewal, "renewal-per-install", "renewals per installation and window"},
	{throttle.ByRenewalAddress, "renewal-per-ip", "renewals per address and window"},
}

const flagWindow = "window"

// GridFlag returns the name of the flag of a dimension.
func GridFlag(dimension throttle.Dimension) string {
	for _, flag := range gridFlags {
		if flag.dimension == dimension {
			return flag.name
		}
	}
	return ""
}

// grid holds the values of the flags of the limits.
type grid struct {
	limits LimitCommands
	lists  [throttle.ByRenewalAddress + 1]listFlag
	window listFlag
}

// listFlag is a list of values, separated by commas.
type listFlag struct {
	text  string
	given bool
}

// String implements pflag.Value.
func (l *listFlag) String() string { return l.text }

// Set implements pflag.Value. Lists of several flags of one name are joined.
func (l *listFlag) Set(text string) error {
	if l.given {
		text = l.text + "," + text
	}
	l.text, l.given = text, true
	return nil
}

// Type implements pflag.Value.
func (*listFlag) Type() string { return "list" }

// addTo adds the flags of the limits.
func (g *grid) addTo(flags *pflag.FlagSet) {
	for _, flag := range gridFlags {
		flags.Var(&g.lists[flag.dimension], flag.name, flag.usage)
	}
	flags.Var(&g.window, flagWindow,
		"lengths of the window, such as 30s,60s (default: that of the trace, or 60s)")
}

// settings returns every combination; the first dimension changes slowest. It fails if a list is
// invalid or there are more than maxSettings combinations.
func (g *grid) settings() ([]GridSetting, error) {
	all := []GridSetting{{}}
	for _, flag := range gridFlags {
		list := &g.lists[flag.dimension]
		if !list.given {
			continue
		}
		least, most := g.limits.Bounds(flag.dimension)
		limits, err := parseLimits(flag.name, list.text, least, most)
		if err != nil {
			return nil, err
		}
		all = extended(all, limits, func(setting *GridSetting, limit int) {
			if limit == 0 {
				limit = throttle.Off
			}
			setting.Limits[flag.dimension] = limit
		})
	}
	if g.window.given {
		windows, err := parseWindows(g.window.text, g.limits.MaximumWindow)
		if err != nil {
			return nil, err
		}
		all = extended(all, windows, func(setting *GridSetting, window time.Duration) {
			setting.Window = window
		})
	}
	if len(all) > maxSettings {
		return nil, fmt.Errorf("the grid has %d settings, and at most %d can be tried at once",
			len(all), maxSettings)
	}
	return all, nil
}

// extended returns a copy of each setting for each value. It stops early if there are far too many.
func extended[V any](settings []GridSetting, values []V,
	set func(*GridSetting, V)) []GridSetting {
	var all []GridSetting
	for _, setting := range settings {
		for _, v := range values {
			set(&setting, v)
			all = append(all, setting)
		}
		if len(all) > 1000*maxSettings {
			break // settings refuses them, and need not have all for that
		}
	}
	return all
}

// parseLimits reads the list of a limit, without repetitions.
func parseLimits(flag, text string, least, most int) ([]int, error) {
	errInvalid := fmt.Errorf("--%s must be whole numbers from %d to %d, separated by commas", flag,
		least, most)
	var limits []int
	for item := range strings.SplitSeq(text, ",") {
		limit, err := strconv.Atoi(strings.TrimSpace(item))
		if err != nil || limit < least || limit > most {
			return nil, errInvalid
		}
		if !slices.Contains(limits, limit) {
			limits = append(limits, limit)
		}
	}
	return limits, nil
}

// parseWindows reads the list of windows, without repetitions.
func parseWindows(text string, maximum time.Duration) ([]time.Duration, error) {
	errInvalid := errors.New("--" + flagWindow + " must be whole seconds from 1s to " +
		strconv.Itoa(int(maximum/time.Second)) + "s, separated by commas")
	var windows []time.Duration
	for item := range strings.SplitSeq(text, ",") {
		window, err := time.ParseDuration(strings.TrimSpace(item))
		if err != nil || window < time.Second || window > maximum || window%time.Second != 0 {
			return nil, errInvalid
		}
		if !slices.Contains(windows, window) {
			windows = append(windows, window)
		}
	}
	return windows, nil
}
