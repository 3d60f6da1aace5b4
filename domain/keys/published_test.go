package keys_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/offload/sessiond/domain/keys"
)

// TestPublishedHoldsForItsSpan checks the span against the set at other instants: it is the same
// within the span, and another one at the span's ends.
func TestPublishedHoldsForItsSpan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := []keys.Key{keys.NewHS256("secret", []byte("secret"), drawPlan(t))}
		for i := range rapid.IntRange(0, 4).Draw(t, "pairs") {
			all = append(all, keys.NewEdDSA(keys.ID(fmt.Sprint("pair", i)),
				bytes.Repeat([]byte{byte(i + 1)}, keys.SeedSize), drawPlan(t)))
		}
		keyring, err := keys.NewKeyring(all...)
		require.NoError(t, err)
		now := noon.Add(drawOffset(t, "now"))
		set, during := keys.Published(keyring, now)
		assert.Equal(t, keys.FormatPublic(keyring, now), set)
		assert.True(t, during.Contains(now))
		for range 5 {
			other := noon.Add(drawOffset(t, "other"))
			assert.Equal(t, during.Contains(other), set == keys.FormatPublic(keyring, other))
		}
		for _, outside := range []time.Time{during.From.Add(-1), during.Until} {
			if !during.From.IsZero() && outside.Before(during.From) ||
				!during.Until.IsZero() && outside.Equal(during.Until) {
				assert.False(t, during.Contains(outside))
				assert.NotEqual(t, set, keys.FormatPublic(keyring, outside))
			}
		}
	})
}
