package config

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
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

// The variables that container platforms inject for a service whose name begins with "offload":
// those of Kubernetes, and of Docker links.
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

// enter adds a name and its value to a source: to the known names if canonical is a variable, in
// upper or lower case, and to the unknown ones otherwise. written is the name as it stands in the
// source. Names of other services and of platforms are ignored.
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

// intendedName returns the name of the variable that a name of the environment probably stands for,
// although it does not begin with the prefix: the prefix is misspelt, or a tool left a byte order
// mark or "export" before it, or wrote hyphens or dots for underscores. It returns "" for all
// others: they belong to other programs.
func intendedName(name string) string {
	const longest = len("export ") + maxCompared
	if len(name) > longest {
		return ""
	}
	fields := strings.Fields(strings.TrimPrefix(name, strict.ByteOrderMark))
	if len(fields) == 0 || len(fields) > 2 || len(fields) == 2 && fields[0] != "export" {
		return ""
	}
	upper := strings.NewReplacer("-", "_", ".", "_").Replace(
		strings.ToUpper(fields[len(fields)-1]))
	first, rest, found := strings.Cut(upper, "_")
	if meant := prefix + rest; found && known(meant) &&
		strict.Distance(first+"_", prefix) <= maxEdits {
		return meant
	}
	return ""
}

// reportMisspeltPrefixes reports the names that stand for variables that are not set. It
// is a warning in every environment: such a name may be that of another program.
func (r *reviewer) reportMisspeltPrefixes() {
	for _, s := range r.loader.sources {
		for _, name := range slices.Sorted(maps.Keys(s.misspelt)) {
			meant := s.misspelt[name]
			if r.origin(strings.TrimSuffix(meant, fileSuffix)) == originDefault {
				r.warn(shownName(name), s.origin, "is not the name of a variable and has no effect",
					"did you mean "+meant+"? Correct the name, or remove it")
			}
		}
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

// reportUnknownName reports one unknown name of a source. It does not show a name that may be a
// secret.
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
		report(shownName(name), s.origin, "is unknown and has no effect",
			"did you mean "+s.format(meant)+"? Correct the name, or remove it")
		return
	}
	if s.groups[name] {
		r.warn(shownName(name), s.origin, "is unknown and has no effect: names have no groups",
			"write each name in full, such as "+s.format(VarTTL))
		return
	}
	remedy := "remove or correct it"
	if near := nearest(name, s.extra...); shareWord(name, near) {
		remedy += "; the most similar known name is " + s.format(near)
	}
	r.warn(shownName(name), s.origin, "is unknown and has no effect", remedy)
}

// shownName returns a name as messages show it: in quotes if white space would not be seen.
func shownName(name string) string {
	if strings.TrimSpace(name) != name {
		return strconv.Quote(name)
	}
	return shown(name)
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
		d := strict.Distance(name, short(candidate))
		if plural(name) == short(candidate) {
			d = 1
		}
		if !set && d < fewest {
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

// plural returns the plural of a name in lower case that ends with y, and any other name unchanged.
func plural(name string) string {
	if singular, ok := strings.CutSuffix(name, "y"); ok {
		return singular + "ies"
	}
	return name
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
		if namesFile(words) {
			consider(v.name + fileSuffix)
		}
	}
	for _, other := range others {
		consider(other)
	}
	return best
}

// namesFile reports whether the last of the words of a name is that of the variant for files, which
// may be misspelt. Only then such variants are proposed.
func namesFile(words []string) bool {
	return strict.Distance("_"+words[len(words)-1], strings.ToLower(fileSuffix)) <= maxEdits
}

// shareWord reports whether two names have a word in common, which may be abbreviated in name. If
// they have none, suggesting other in place of name does not help.
func shareWord(name, other string) bool {
	words := strings.Split(short(other), "_")
	return slices.ContainsFunc(strings.Split(short(name), "_"), func(word string) bool {
		return slices.ContainsFunc(words, func(whole string) bool {
			return word == whole || isAbbreviation(word, whole) || isAbbreviation(whole, word)
		})
	})
}

// isAbbreviation reports whether a word is the beginning of another, as env is of environment.
func isAbbreviation(word, whole string) bool {
	const shortest = 3
	return len(word) >= shortest && len(word) < len(whole) && strings.HasPrefix(whole, word)
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
			if isAbbreviation(word, other) || isAbbreviation(other, word) {
				fewest = min(fewest, 1)
			}
			fewest = min(fewest, strict.Distance(word, other))
		}
		sum += 2 * fewest
	}
	return sum
}
