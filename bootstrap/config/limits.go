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

// LimitVariable returns the variable of a dimension's limit.
func LimitVariable(dimension throttle.Dimension) string { return limitVariables[dimension] }

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

// bound returns the parameter of a number's rule min or max.
func bound(name, rule string) int {
	v, _ := lookup(name)
	text, _ := v.rule(rule)
	return mustNumber(text)
}

// preset returns the default of a number.
func preset(name string) int {
	v, _ := lookup(name)
	return mustNumber(v.preset)
}

func mustNumber(text string) int {
	number, err := strconv.Atoi(text)
	if err != nil {
		panic("config: " + err.Error()) // the table is wrong
	}
	return number
}
