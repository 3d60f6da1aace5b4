package sessionclient_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/sessionclient"
)

func TestASignOutEndsTheExchangeThatIsOnItsWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		service := &service{}
		service.answer = func(r *http.Request) (*http.Response, error) {
			if service.seen() > 1 {
				return nil, nil
			}
			<-r.Context().Done()
			return nil, r.Context().Err()
		}
		client, began := newClient(t, service, nil), time.Now()
		go func() {
			time.Sleep(time.Second)
			assert.NoError(t, client.SignOut(t.Context()))
		}()
		_, err := client.Token(t.Context())
		require.NoError(t, err)
		assert.Equal(t, time.Second, time.Since(began), "the call must not wait for the timeout")
	})
}

func TestAnIssuanceThatFailsKeepsTheInstallID(t *testing.T) {
	t.Parallel()
	storage := sessionclient.NewMemoryStorage()
	broken := &service{answer: func(*http.Request) (*http.Response, error) {
		return reply(500, ""), nil
	}}
	var ids []string
	for range 2 {
		client := newClient(t, broken, func(c *sessionclient.Config) { c.Storage = storage })
		_, err := client.Token(t.Context())
		require.Error(t, err)
		text, err := storage.Load(t.Context())
		require.NoError(t, err)
		id, _ := sessionclient.Held(text)
		require.NotEmpty(t, id)
		ids = append(ids, id)
	}
	assert.Equal(t, ids[0], ids[1])
}
