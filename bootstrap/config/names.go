package config

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// The variables of other services of the Offload backend, which share the environment. They are
// ignored.
var (
	neighbourPrefixes = []string{"OFFLOAD_AI_", "OFFLOAD_OPENAI_", "OFFLOAD_ANTHROPIC_",
		"OFFLOAD_APPLE_", "OFFLOAD_USAGE_"}
	neighbourNames = []string{"OFFLOAD_MAX_INPUT_CHARS", "OFFLOAD_DEFAULT_FEATURE_QUOTA"}
)

// neighbour reports whether name is a variable of another service.
func neighbour(name string) bool {
	return slices.Contains(neighbourNames, name) ||
		slices.ContainsFunc(neighbourPrefixes, func(prefix string) bool {
			return strings.HasPrefix(name, prefix)
		})
}

// warnUnknown reports the unknown names of a source as warnings, each with the known name that is
// most similar.
func (l *loader) warnUnknown(s source) {
	names := slices.DeleteFunc(s.unknown, func(name string) bool {
		return neighbour(prefix + strings.ToUpper(short(name)))
	})
	slices.Sort(names)
	for i, name := range names {
		if i == maxFlaws {
			l.warn(prefix+"*", s.origin, fmt.Sprintf("has %d more unknown names", len(names)-i),
				"remove or correct them")
			return
		}
		if isAddress(name) {
			l.warn(prefix+"*", s.origin,
				"has an address instead of a name, which has no effect; it is not shown because "+
					"it may contain a password",
				"put the name first and the address after it")
			continue
		}
		l.warn(shown(name), s.origin, "is unknown and has no effect",
			"remove or correct it; the most similar known name is "+
				s.format(nearest(name, s.extra...)))
	}
}

// isAddress reports whether text is clearly not a name but an address, which may contain a
// password.
func isAddress(text string) bool {
	return strings.Contains(text, "://") ||
		strings.Contains(text, "@")
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

// nameDistance returns the distance between the words of two names. People omit words more often
// than they invent them: SESSION_TTL means SESSION_TTL_SECONDS, although fewer edits lead to
// SESSION_SECRET. So each word counts twice the edits to its most similar word, and a missing word
// counts as one edit.
func nameDistance(words, known []string) int {
	sum := max(0, len(known)-len(words))
	for _, word := range words {
		fewest := len(word)
		for _, other := range known {
			fewest = min(fewest, distance(word, other))
		}
		sum += 2 * fewest
	}
	return sum
}

// distance returns the number of bytes to insert, delete, replace or swap with their neighbour to
// turn a into b (optimal string alignment).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replaced := last[j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			row[j] = min(last[j]+1, row[j-1]+1, replaced)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
