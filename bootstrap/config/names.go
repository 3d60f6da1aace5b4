package config

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/offload/sessiond/domain/strict"
)

// The variables of other services of the Offload backend, which share the environment. They are
// ignored.
var (
	neighbourPrefixes = []string{"OFFLOAD_AI_", "OFFLOAD_OPENAI_", "OFFLOAD_ANTHROPIC_",
		"OFFLOAD_APPLE_", "OFFLOAD_USAGE_"}
	neighbourNames = []string{"OFFLOAD_MAX_INPUT_CHARS", "OFFLOAD_DEFAULT_FEATURE_QUOTA"}
)

// neighbour reports whether name, in upper case, is a variable of another service.
func neighbour(name string) bool {
	return slices.Contains(neighbourNames, name) ||
		slices.ContainsFunc(neighbourPrefixes, func(prefix string) bool {
			return strings.HasPrefix(name, prefix)
		})
}

// What container platforms inject for a service whose name begins with "offload": the variables of
// Kubernetes, and of Docker links.
var (
	serviceName = pattern(`^OFFLOAD_(?:[A-Z0-9_]+_)?SERVICE_(?:HOST|PORT(?:_[A-Z0-9_]+)?)$`)
	portPart    = pattern(
		`^OFFLOAD_(?:[A-Z0-9_]+_)?PORT_[0-9]+_(?:TCP|UDP|SCTP)_(?:PROTO|PORT|ADDR)$`)
	portName = pattern(
		`^OFFLOAD_(?:[A-Z0-9_]+_)?PORT(?:_[0-9]+_(?:TCP|UDP|SCTP))?$`)
	portURL = pattern(`^(?:tcp|udp|sctp)://`)
)

// injected reports whether a container platform sets the variable.
func injected(name, value string) bool {
	return serviceName().MatchString(name) || portPart().MatchString(name) ||
		portName().MatchString(name) && portURL().MatchString(value)
}

// enter adds a name and its value to a source: to the known names if it is that of a variable, in
// any case, or else to the unknown ones. It ignores names of other services and platforms.
func (l *loader) enter(s *source, written, canonical string, value rawValue) {
	upper := strings.ToUpper(canonical)
	switch {
	case neighbour(upper) || injected(canonical, value.Text):
	case !known(upper) && !slices.Contains(s.extra, upper):
		s.unknown = append(s.unknown, written)
	default:
		if other, twice := s.written[upper]; twice {
			l.fault(strings.TrimSuffix(upper, fileSuffix), s.origin,
				"is set twice, as "+min(other, written)+" and as "+max(other, written),
				"set it once")
			value.Reported = true
		}
		s.written[upper] = written
		s.known[upper] = value
	}
}

// reportUnknown reports the unknown names of all sources, each with the known name that is most
// similar. In a production-like environment, a name that is probably a misspelt variable is a
// fault, because the value of that variable would be missing.
func (r *reviewer) reportUnknown() {
	for _, s := range r.loader.sources {
		slices.Sort(s.unknown)
		for i, name := range s.unknown {
			if i == maxFlaws {
				r.warn(prefix+"*", s.origin,
					fmt.Sprintf("has %d more unknown names", len(s.unknown)-i),
					"remove or correct them")
				break
			}
			r.reportUnknownName(s, name)
		}
	}
}

func (r *reviewer) reportUnknownName(s *source, name string) {
	if isAddress(name) {
		r.warn(prefix+"*", s.origin,
			"has an address instead of a name, which has no effect; it is not shown because "+
				"it may contain a password",
			"put the name first and the address after it")
		return
	}
	// No word of a name is as long as a key.
	if slices.ContainsFunc(strings.Split(name, "_"), mayBeSecret) {
		r.warn(prefix+"*", s.origin,
			"has an unknown name, which has no effect; it is not shown because it may be a secret",
			"put the name first and the secret after it")
		return
	}
	if meant := r.meant(name, s.extra...); meant != "" {
		report := r.warn
		if r.production {
			report = r.fault
		}
		report(shown(name), s.origin, "is unknown and has no effect",
			"did you mean "+s.format(meant)+"? Correct the name, or remove it")
		return
	}
	if s.groups[name] {
		r.warn(shown(name), s.origin, "is unknown and has no effect: names have no groups",
			"write each name in full, such as "+s.format(VarTTL))
		return
	}
	remedy := "remove or correct it"
	if near := nearest(name, s.extra...); shareWord(name, near) {
		remedy += "; the most similar known name is " + s.format(near)
	}
	r.warn(shown(name), s.origin, "is unknown and has no effect", remedy)
}

// maxEdits is the number of edits within which a name is taken for a misspelt one.
const maxEdits = 2

// meant returns the known name that an unknown one probably stands for: the nearest within maxEdits
// that is not set itself. It returns "" if there is none.
func (r *reviewer) meant(name string, others ...string) string {
	name = short(name)
	if len(name) > maxCompared {
		return ""
	}
	best, fewest := "", maxEdits+1
	consider := func(candidate string, set bool) {
		if d := strict.Distance(name, short(candidate)); !set && d < fewest {
			best, fewest = candidate, d
		}
	}
	for _, v := range table {
		set := r.origin(v.name) != originDefault
		consider(v.name, set)
		consider(v.name+fileSuffix, set)
	}
	for _, other := range others {
		consider(other, r.loader.config.Text != "")
	}
	return best
}

// isAddress reports whether text is clearly not a name but an address, which may contain a
// password.
func isAddress(text string) bool {
	return strings.Contains(text, "://") || strings.Contains(text, "@")
}

// maxCompared is the number of bytes of a name that are compared. All known names are shorter.
const maxCompared = 64

// nearest returns the known name that is most similar to name, from the table and others. Of
// equally similar names it returns the first.
func nearest(name string, others ...string) string {
	name = short(name)
	if len(name) > maxCompared {
		name = name[:maxCompared]
	}
	words := strings.Split(name, "_")
	best, smallest := "", math.MaxInt
	consider := func(candidate string) {
		if d := nameDistance(words, strings.Split(short(candidate), "_")); d < smallest {
			best, smallest = candidate, d
		}
	}
	for _, v := range table {
		consider(v.name)
		consider(v.name + fileSuffix)
	}
	for _, other := range others {
		consider(other)
	}
	return best
}

// shareWord reports whether two names have a word in common. Otherwise it is of no use to mention
// one for the other.
func shareWord(name, other string) bool {
	words := strings.Split(short(other), "_")
	return slices.ContainsFunc(strings.Split(short(name), "_"), func(word string) bool {
		return slices.Contains(words, word)
	})
}

// nameDistance returns the distance between the words of two names. People omit words more often
// than they invent them: SESSION_TTL means SESSION_TTL_SECONDS, although fewer edits lead to
// SESSION_SECRET. So each word adds twice the edits to its most similar word, and each missing word
// adds one.
func nameDistance(words, known []string) int {
	sum := max(0, len(known)-len(words))
	for _, word := range words {
		fewest := len(word)
		for _, other := range known {
			fewest = min(fewest, strict.Distance(word, other))
		}
		sum += 2 * fewest
	}
	return sum
}
