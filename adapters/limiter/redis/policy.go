package redis

import (
	"context"
	"regexp"

	"github.com/redis/rueidis"
)

// NoEviction is the only policy under which a server keeps everything until it expires.
const NoEviction = "noeviction"

// policyOf finds the policy in the reply to INFO. Many hosted servers refuse CONFIG, and nearly all
// answer INFO.
var policyOf = regexp.MustCompile(`(?m)^maxmemory_policy:([a-z-]{1,32})\r?$`)

// EvictionPolicy asks every node for its maxmemory-policy. It returns NoEviction if all nodes have
// it, and otherwise the policy of one that does not: a server that evicts silently forgets grants.
// It has the bound and the errors of Decide, with the reason Refused if the server does not let
// this user ask, and Unintelligible if the reply does not contain it.
func (s *Storage) EvictionPolicy(ctx context.Context) (string, error) {
	return within(ctx, s, func(ctx context.Context, client rueidis.Client) (string, error) {
		for _, node := range client.Nodes() {
			text, err := node.Do(ctx, node.B().Info().Section("memory").Build()).ToString()
			if err != nil {
				return "", err
			}
			found := policyOf.FindStringSubmatch(text)
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
