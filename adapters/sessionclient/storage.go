package sessionclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Storage keeps the session of a Client between runs. It is also how several clients share one
// session: each reads the storage before each use. An error of a Storage never fails a request: the
// client goes on in memory. A Storage must be safe for concurrent use.
type Storage interface {
	// Load returns the text that was saved last, or an empty text if there is none.
	Load(ctx context.Context) (string, error)
	// Save replaces the text. An empty text means that nothing is to be kept. The text is secret:
	// it holds the session.
	Save(ctx context.Context, text string) error
	// Lock excludes other clients with the same storage until unlock is called. It waits until no
	// other client holds the lock, and not beyond ctx. Load and Save need no lock.
	Lock(ctx context.Context) (unlock func(), err error)
}

// maxLost is how many saves in sequence a storage may lose before the client goes on in memory.
const maxLost = 3

// errLost says that a storage, or the file of a key, does not return what it was given.
var errLost = errors.New("sessionclient: the storage loses what is saved")

// MemoryStorage is a Storage for clients in one process. It is lost when the process ends.
type MemoryStorage struct {
	lock chan struct{}
	mu   sync.Mutex
	text string
}

// NewMemoryStorage returns an empty MemoryStorage.
func NewMemoryStorage() *MemoryStorage { return &MemoryStorage{lock: make(chan struct{}, 1)} }

// Format implements fmt.Formatter. It does not print the text, which is secret.
func (s *MemoryStorage) Format(state fmt.State, _ rune) {
	_, _ = io.WriteString(state, "memory storage")
}

// Load implements Storage.
func (s *MemoryStorage) Load(context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text, nil
}

// Save implements Storage.
func (s *MemoryStorage) Save(_ context.Context, text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text = text
	return nil
}

// Lock implements Storage.
func (s *MemoryStorage) Lock(ctx context.Context) (func(), error) {
	select {
	case s.lock <- struct{}{}:
		return func() { <-s.lock }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
