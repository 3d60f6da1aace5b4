package trace

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/offload/sessiond/domain/strict"
)

// number describes a variable that holds a number.
type number struct {
	name string
	// least and most are the bounds of the values that the SDK can use. It panics for a queue of a
	// negative size, never rests with a delay of 0, and allocates the whole queue at the start.
	least, most int
}

// numbers lists the variables that hold numbers, which the SDK reads itself.
var numbers = []number{
	{"OTEL_BSP_SCHEDULE_DELAY", 1, math.MaxInt32},
	{"OTEL_BSP_EXPORT_TIMEOUT", 1, math.MaxInt32},
	{"OTEL_BSP_MAX_QUEUE_SIZE", 1, 1 << 20},
	{"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 1, 1 << 20},
	{"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", math.MinInt32, math.MaxInt32},
	{"OTEL_ATTRIBUTE_COUNT_LIMIT", math.MinInt32, math.MaxInt32},
	{"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", math.MinInt32, math.MaxInt32},
	{"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", math.MinInt32, math.MaxInt32},
	{"OTEL_SPAN_EVENT_COUNT_LIMIT", math.MinInt32, math.MaxInt32},
	{"OTEL_SPAN_LINK_COUNT_LIMIT", math.MinInt32, math.MaxInt32},
	{"OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", math.MinInt32, math.MaxInt32},
	{"OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", math.MinInt32, math.MaxInt32},
}

// checkNumbers checks the variables that hold numbers.
func (e *environment) checkNumbers() {
	for _, n := range numbers {
		text := e.values[n.name]
		if text == "" {
			continue
		}
		value, err := strconv.Atoi(text) // untrimmed, like the SDK
		switch {
		case err != nil:
			e.addFinding(n.name, "is not a whole number, so that the default counts",
				"set a whole number, or remove it")
		case value < n.least || value > n.most:
			e.preventTraces(n.name, "is out of range", "set a number from "+
				strconv.Itoa(n.least)+" to "+strconv.Itoa(n.most))
		}
	}
}

// remedyUnsupported is the remedy for standard variables that have no effect.
const remedyUnsupported = "remove it; operations.md says which variables are supported"

// unsupported lists standard variables that would change how traces are exported, but that neither
// this package nor the SDK reads.
var unsupported = []string{"OTEL_CONFIG_FILE", "OTEL_EXPERIMENTAL_CONFIG_FILE"}

// families lists the prefixes of names that must be known names, so that a misspelt variable is
// found before its traces are missed. Names with other prefixes belong to other signals, or to
// agents that set them for all programs.
var families = []string{"OTEL_TRACES_", "OTEL_BSP_", prefixOTLP}

// otherSignals lists the prefixes of names in families that belong to other signals.
var otherSignals = []string{prefixOTLP + "METRICS_", prefixOTLP + "LOGS_", prefixOTLP + "PROFILES_"}

// suffixes lists the known suffixes of prefixOTLP and prefixOTLPTrace.
var suffixes = []string{suffixEndpoint, suffixProtocol, suffixHeaders, suffixCompression,
	suffixTimeout, suffixInsecure, suffixCertificate, suffixClientChain, suffixClientKey}

// names lists the known names in families.
var names = func() []string {
	all := []string{varExporter, varSampler, varSamplerArg}
	for _, n := range numbers {
		all = append(all, n.name)
	}
	for _, suffix := range suffixes {
		all = append(all, prefixOTLP+suffix, prefixOTLPTrace+suffix)
	}
	return all
}()

// checkNames checks for variables that name unsupported features, and for names in families that
// are not known.
func (e *environment) checkNames() {
	for _, name := range slices.Sorted(maps.Keys(e.values)) {
		isPrefix := func(prefix string) bool { return strings.HasPrefix(name, prefix) }
		switch {
		case name == varPropagators:
			e.checkPropagators()
		case slices.Contains(unsupported, name):
			e.addFinding(name, "is not supported, and has no effect", remedyUnsupported)
		case slices.ContainsFunc(families, isPrefix) && !slices.Contains(names, name) &&
			!slices.ContainsFunc(otherSignals, isPrefix):
			e.addUnknown(name)
		}
	}
}

const (
	// maxEdits is the edit distance up to which an unknown name counts as a misspelt known one.
	maxEdits = 2
	// maxName is the maximum length of a name that a finding shows.
	maxName = 64
)

// addUnknown records a variable whose name is not known.
func (e *environment) addUnknown(name string) {
	if !strict.Plain(name, maxName) {
		name = Variables
	}
	remedy := remedyUnsupported
	for _, meant := range names {
		if strict.Distance(name, meant) <= maxEdits {
			remedy = "did you mean " + meant + "?"
		}
	}
	e.addFinding(name, "is not known, and has no effect", remedy)
}
