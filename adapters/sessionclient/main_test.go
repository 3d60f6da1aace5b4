package sessionclient_test

import (
	"context"
	"errors"
	"log"
	"os"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/offload/sessiond/adapters/sessionclient"
)

// TestMain also checks that no test leaves a goroutine behind. In a process that a test starts, it
// is an app.
func TestMain(m *testing.M) {
	if os.Getenv(varFile) != "" {
		if err := app(); err != nil {
			log.Fatal(err)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// storage is a Storage that can be made to fail.
type storage struct {
	sessionclient.Storage
	failing atomic.Bool
}

var errStorage = errors.New("the storage fails")

// Load implements sessionclient.Storage.
func (s *storage) Load(ctx context.Context) (string, error) {
	if s.failing.Load() {
		return "", errStorage
	}
	return s.Storage.Load(ctx)
}

// Save implements sessionclient.Storage.
func (s *storage) Save(ctx context.Context, text string) error {
	if s.failing.Load() {
		return errStorage
	}
	return s.Storage.Save(ctx, text)
}

// Lock implements sessionclient.Storage.
func (s *storage) Lock(ctx context.Context) (func(), error) {
	if s.failing.Load() {
		return nil, errStorage
	}
	return s.Storage.Lock(ctx)
}
