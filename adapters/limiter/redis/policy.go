package redis

import (
	"context"
	"regexp"

	"github.com/redis/rueidis"
)

// NoEviction is the only policy under which a server keeps what it was given until it expires.
const NoEviction = "noeviction"

// policyOf finds the policy in what INFO says. Many hosted servers refuse CONFIG, and nearly all of them answer INFO.
var policyOf = regexp.MustCompile(`(?m)^maxmemory_policy:([a-z-]{1,32})\r?$`)

// EvictionPolicy asks every node for its maxmemory-policy. It is NoEviction where all have that, otherwise one that another has: a server that
// evicts forgets grants in silence. It is bounded as Decide is and fails as Decide does: with the reason Refused where the server does not let this
// user ask, and Unintelligible where it does not say.
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
