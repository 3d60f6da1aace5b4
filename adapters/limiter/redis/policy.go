package redis

import (
	"context"
	"regexp"
	"sync"
)

// NoEviction is the only policy under which a server keeps its data until it expires.
const NoEviction = "noeviction"

// policyOf matches the policy in the reply to INFO. Many hosted servers refuse CONFIG, and nearly
// all of them answer INFO.
var policyOf = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?m)^maxmemory_policy:([a-z-]{1,32})\r?$`)
})

// EvictionPolicy reads the maxmemory-policy of every node, because a server that evicts forgets
// grants silently. It returns NoEviction if all nodes have that policy, otherwise the policy of one
// that has another. It has the deadline of Decide and fails as Decide does: with the reason Refused
// if the user may not run the command, and Unintelligible if the reply does not contain the policy.
func (s *Storage) EvictionPolicy(ctx context.Context) (string, error) {
	return within(ctx, s, func(ctx context.Context, l *lease) (string, error) {
		for _, node := range l.client.Nodes() {
			text, err := node.Do(ctx, node.B().Info().Section("memory").Build()).ToString()
			if err != nil {
				return "", err
			}
			found := policyOf().FindStringSubmatch(text)
			if found == nil {
				return "", errAnswer
			}
			if found[1] != NoEviction {
				return found[1], nil
			}
		}
		return NoEviction, nil
	})
}
