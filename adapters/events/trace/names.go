package trace

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/offload/sessiond/domain/strict"
)

// number is a variable that holds a number.
type number struct {
	name string
	// The bounds of what the SDK can do with it. It panics for a queue of a negative size, never
	// rests with a delay of 0, and allocates the queue at the start.
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
	for _, of := range numbers {
		text := e.values[of.name]
		if text == "" {
			continue
		}
		value, err := strconv.Atoi(text) // with its white space, like the SDK
		switch {
		case err != nil:
			e.ignored(of.name, "is not a whole number, so that the default counts",
				"set a whole number, or remove it")
		case value < of.least || value > of.most:
			e.prevents(of.name, "is out of range", "set a number from "+
				strconv.Itoa(of.least)+" to "+strconv.Itoa(of.most))
		}
	}
}

// remedyUnsupported is for variables of the standard that have no effect.
const remedyUnsupported = "remove it; operations.md says which variables are supported"

// unsupported lists variables of the standard that would change how traces are exported, and that
// nothing here reads.
var unsupported = []string{"OTEL_CONFIG_FILE", "OTEL_EXPERIMENTAL_CONFIG_FILE"}

// families lists the beginnings of the names of which every one should be known: a misspelt name
// would otherwise be found when traces are missed. Other names belong to other signals, or to
// agents that set them for all programs.
var families = []string{"OTEL_TRACES_", "OTEL_BSP_", prefixOTLP}

// otherSignals lists the beginnings of names of the exporters of other signals.
var otherSignals = []string{prefixOTLP + "METRICS_", prefixOTLP + "LOGS_", prefixOTLP + "PROFILES_"}

// suffixes lists what follows prefixOTLP and prefixOTLPTrace.
var suffixes = []string{suffixEndpoint, suffixProtocol, suffixHeaders, suffixCompression,
	suffixTimeout, suffixInsecure, suffixCertificate, suffixClientChain, suffixClientKey}

// names lists the variables of the families that are known.
var names = func() []string {
	all := []string{varExporter, varSampler, varSamplerArg}
	for _, of := range numbers {
		all = append(all, of.name)
	}
	for _, suffix := range suffixes {
		all = append(all, prefixOTLP+suffix, prefixOTLPTrace+suffix)
	}
	return all
}()

// checkNames checks the variables for what there is none of here, and for names that nothing reads.
func (e *environment) checkNames() {
	for _, name := range slices.Sorted(maps.Keys(e.values)) {
		startsName := func(family string) bool { return strings.HasPrefix(name, family) }
		switch {
		case name == varPropagators:
			e.checkPropagators()
		case slices.Contains(unsupported, name):
			e.ignored(name, "is not supported, and has no effect", remedyUnsupported)
		case slices.ContainsFunc(families, startsName) && !slices.Contains(names, name) &&
			!slices.ContainsFunc(otherSignals, startsName):
			e.unknown(name)
		}
	}
}

// maxEdits is the number of edits within which a name is taken for a misspelt one, and maxName the
// length up to which a name is shown.
const (
	maxEdits = 2
	maxName  = 64
)

// unknown records a variable of a family that nothing reads.
func (e *environment) unknown(name string) {
	if !strict.Plain(name, maxName) {
		name = Variables
	}
	remedy := remedyUnsupported
	for _, meant := range names {
		if strict.Distance(name, meant) <= maxEdits {
			remedy = "did you mean " + meant + "?"
		}
	}
	e.ignored(name, "is not known, and has no effect", remedy)
}
