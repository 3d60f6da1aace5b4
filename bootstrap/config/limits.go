package config

import (
	"strconv"
	"time"

	"github.com/offload/sessiond/domain/throttle"
)

// limitVariables are the variables of the limits, by dimension.
var limitVariables = map[throttle.Dimension]string{
	throttle.ByAddress: varLimitPerIP, throttle.ByNetwork: varLimitPerNetwork,
	throttle.ByInstall: varLimitPerInstall, throttle.ByRenewal: varRenewPerInstall,
	throttle.ByRenewalAddress: varRenewPerIP,
}

// LimitBounds returns the smallest and the largest limit of a dimension that can be configured; 0
// is no limit.
func LimitBounds(dimension throttle.Dimension) (least, most int) {
	name := limitVariables[dimension]
	return bound(name, "min"), bound(name, "max")
}

// MaximumWindow returns the longest window that can be configured.
func MaximumWindow() time.Duration { return seconds(bound(varLimitWindow, "max")) }

// DefaultWindow returns the default window.
func DefaultWindow() time.Duration { return seconds(preset(varLimitWindow)) }

// DefaultIPv6Prefix returns how many bits of an IPv6 address count as one client by default.
func DefaultIPv6Prefix() int { return preset(varIPv6Prefix) }

// bound returns the parameter of the rule min or max of a variable that holds a number.
func bound(name, rule string) int {
	v, _ := lookup(name)
	text, _ := v.rule(rule)
	return mustNumber(text)
}

// preset returns the default of a variable that holds a number.
func preset(name string) int {
	v, _ := lookup(name)
	return mustNumber(v.preset)
}

// mustNumber parses a number of the table.
func mustNumber(text string) int {
	number, err := strconv.Atoi(text)
	if err != nil {
		panic("config: " + err.Error()) // the table is wrong
	}
	return number
}
