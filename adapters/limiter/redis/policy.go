package redis

import (
	"context"

	"github.com/redis/rueidis"
)

// NoEviction is the only policy under which a server keeps what it was given until it expires.
const NoEviction = "noeviction"

// EvictionPolicy asks every node for its maxmemory-policy. It is NoEviction where all have that, otherwise one that another has: a server that
// evicts forgets grants in silence. It is bounded as Decide is and fails as Decide does; many hosted servers refuse to tell.
func (s *Storage) EvictionPolicy(ctx context.Context) (string, error) {
	const name = "maxmemory-policy"
	return within(ctx, s, func(ctx context.Context, client rueidis.Client) (string, error) {
		for _, node := range client.Nodes() {
			values, err := node.Do(ctx, node.B().ConfigGet().Parameter(name).Build()).AsStrMap()
			if err != nil {
				return "", err
			}
			if policy := values[name]; policy != NoEviction {
				return policy, nil
			}
		}
		return NoEviction, nil
	})
}
