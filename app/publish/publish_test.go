package publish_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/app/publish"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/ports/portsfake"
)

func TestPublishesPendingAndValidPublicKeys(t *testing.T) {
	noon := time.Date(2026, 2, 16, 12, 0, 0, 0, time.UTC)
	seed := bytes.Repeat([]byte{7}, keys.SeedSize)
	pair := keys.NewEdDSA("pair", seed, keys.Plan{SignFrom: noon, VerifyUntil: noon.Add(time.Hour)})
	keyring, err := keys.NewKeyring(pair, keys.NewHS256("secret", []byte("secret"), keys.Plan{}))
	require.NoError(t, err)
	clock := portsfake.NewClock(noon.Add(-time.Hour))
	service := publish.New(portsfake.NewKeys(keyring), clock)
	assert.Equal(t, keys.FormatPublic(keyring, clock.Now()), service.PublicSet())
	assert.Contains(t, service.PublicSet(), `"kid":"pair"`, "a pending key is published")
	clock.Advance(2 * time.Hour)
	assert.Equal(t, `{"keys":[]}`, service.PublicSet(),
		"an expired key is not published, and a symmetric key never is")
}
