package config

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// The variables of the Offload backend's other work, which lie in the same environment and are not ours to judge.
var (
	neighbourPrefixes = []string{"OFFLOAD_AI_", "OFFLOAD_OPENAI_", "OFFLOAD_ANTHROPIC_",
		"OFFLOAD_APPLE_", "OFFLOAD_USAGE_"}
	neighbourNames = []string{"OFFLOAD_MAX_INPUT_CHARS", "OFFLOAD_DEFAULT_FEATURE_QUOTA"}
)

func neighbour(name string) bool {
	return slices.Contains(neighbourNames, name) ||
		slices.ContainsFunc(neighbourPrefixes, func(prefix string) bool {
			return strings.HasPrefix(name, prefix)
		})
}

// warnOfUnknown warns of the names that nobody knows, each with the known one that it is nearest to.
func (g *gathering) warnOfUnknown(s source) {
	names := slices.DeleteFunc(s.unknown, func(name string) bool {
		return neighbour(prefix + strings.ToUpper(short(name)))
	})
	slices.Sort(names)
	for i, name := range names {
		if i == maxFlaws {
			g.warn(prefix+"*", s.origin, fmt.Sprintf("has %d more unknown names", len(names)-i),
				"remove or correct them")
			return
		}
		if isAddress(name) {
			g.warn(prefix+"*", s.origin,
				"has an address for a name, which changes nothing; it is not shown, for it may hold a password", "write name and value the right way round")
			continue
		}
		g.warn(shown(name), s.origin, "is unknown and changes nothing",
			"remove it; the nearest known name is "+s.spell(nearest(name, s.also...)))
	}
}

// isAddress tells whether text is plainly no name but what has a password in it now and then.
func isAddress(text string) bool {
	return strings.Contains(text, "://") ||
		strings.Contains(text, "@")
}

// maxCompared is the most of a name that is compared: all known ones are shorter.
const maxCompared = 64

// nearest is the known name that is most like name, of the table's or the other ones; the first of equal ones.
func nearest(name string, others ...string) string {
	name = short(name)
	if len(name) > maxCompared {
		name = name[:maxCompared]
	}
	given := strings.Split(name, "_")
	best, least := "", math.MaxInt
	consider := func(candidate string) {
		if unlike := unlikeness(given, strings.Split(short(candidate), "_")); unlike < least {
			best, least = candidate, unlike
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

// unlikeness is how far the words of a name are from those of a known one. People leave words out sooner than they invent them: SESSION_TTL is
// SESSION_TTL_SECONDS, though fewer edits lead to SESSION_SECRET. So each word counts by the edits to the one that it is nearest to, and a word that is
// missing counts as one edit.
func unlikeness(given, known []string) int {
	sum := max(0, len(known)-len(given))
	for _, word := range given {
		fewest := len(word)
		for _, other := range known {
			fewest = min(fewest, distance(word, other))
		}
		sum += 2 * fewest
	}
	return sum
}

// distance is the number of bytes to insert, delete, replace or swap with their neighbour to make b of a (optimal string alignment).
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
