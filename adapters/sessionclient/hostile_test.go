package sessionclient_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/sessionclient"
)

// small is a storage that keeps a text only if it is short enough.
type small struct {
	sessionclient.Storage
	most int
}

// Save implements sessionclient.Storage.
func (s small) Save(ctx context.Context, text string) error {
	if len(text) > s.most {
		return nil
	}
	return s.Storage.Save(ctx, text)
}

// spaced is a storage that returns another form of a text, as a pretty printer does.
type spaced struct{ sessionclient.Storage }

// Load implements sessionclient.Storage.
func (s spaced) Load(ctx context.Context) (string, error) {
	text, err := s.Storage.Load(ctx)
	return strings.ReplaceAll(text, ",", ", "), err
}

func TestStorageThatLosesTextsDoesNotCauseASessionForEachCall(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		storage  sessionclient.Storage
		sessions int
	}{
		"keeps nothing":              {small{sessionclient.NewMemoryStorage(), 0}, 3},
		"keeps an install ID alone":  {small{sessionclient.NewMemoryStorage(), 90}, 3},
		"writes the text in its way": {spaced{sessionclient.NewMemoryStorage()}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			service := &service{}
			client := newClient(t, service, func(config *sessionclient.Config) {
				config.Storage = c.storage
			})
			for range 9 {
				_, err := client.Token(t.Context())
				require.NoError(t, err)
			}
			assert.Equal(t, c.sessions, service.seen())
		})
	}
}

// unlocked is a storage that needs no lock, and so has nothing to unlock.
type unlocked struct{ sessionclient.Storage }

// Lock implements sessionclient.Storage.
func (unlocked) Lock(context.Context) (func(), error) { return nil, nil }

func TestAStorageWithoutALockNeedsNoUnlock(t *testing.T) {
	t.Parallel()
	client := newClient(t, &service{}, func(c *sessionclient.Config) {
		c.Storage = unlocked{sessionclient.NewMemoryStorage()}
	})
	_, err := client.Token(t.Context())
	require.NoError(t, err)
}

func TestBodyOfA401WithoutAnEndIsLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := newClient(t, &service{}, nil)
		endless, writer := io.Pipe() // never written to
		defer func() { _ = writer.Close() }()
		expired := reply(401, "", "X-Error-Code", "expired_token")
		expired.Body = endless
		var got []string
		began := time.Now()
		request, err := http.NewRequest("GET", applicationURL, nil)
		require.NoError(t, err)
		response, err := client.RoundTripper(answers(&got, expired, reply(200, ""))).RoundTrip(request)
		require.NoError(t, err)
		assert.Equal(t, 200, response.StatusCode)
		assert.LessOrEqual(t, time.Since(began), time.Second)
	})
}

func TestClientIsPrintedWithoutItsSecrets(t *testing.T) {
	t.Parallel()
	storage := sessionclient.NewMemoryStorage()
	client := newClient(t, &service{}, func(config *sessionclient.Config) {
		config.Storage, config.InstallID = storage, "install-12345"
	})
	_, err := client.Token(t.Context())
	require.NoError(t, err)
	private := struct{ c *sessionclient.Client }{client}
	assert.NotContains(t, fmt.Sprintf("%+v %#v", private, private), "session.1")
	for _, value := range []any{client, storage, client.RoundTripper(nil),
		&http.Client{Transport: client.RoundTripper(nil)}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			text := fmt.Sprintf(verb, value)
			assert.NotContains(t, text, "session.1", verb)
			assert.NotContains(t, text, "install-12345", verb)
			assert.NotContains(t, text, "73657373696f6e2e31", "%s", verb) // in hexadecimal
		}
	}
}

func TestFileStorageStaysWhereItWasMade(t *testing.T) {
	t.Chdir(t.TempDir())
	storage := sessionclient.NewFileStorage("session")
	require.NoError(t, storage.Save(t.Context(), "text"))
	t.Chdir(t.TempDir())
	text, err := storage.Load(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "text", text)
}
