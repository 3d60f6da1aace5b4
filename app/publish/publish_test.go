package publish_test

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"time"
	"unsafe"

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

// TestBuildsTheSetOnceForEachChange checks that the text is built again if and only if the keys or
// their states changed. Two texts that share their bytes were built once.
func TestBuildsTheSetOnceForEachChange(t *testing.T) {
	noon := time.Date(2026, 2, 16, 12, 0, 0, 0, time.UTC)
	keyring := func() *keys.Keyring {
		keyring, err := keys.NewKeyring(
			keys.NewEdDSA("old", bytes.Repeat([]byte{1}, keys.SeedSize),
				keys.Plan{VerifyUntil: noon.Add(time.Hour)}),
			keys.NewEdDSA("new", bytes.Repeat([]byte{2}, keys.SeedSize),
				keys.Plan{SignFrom: noon.Add(time.Minute)}))
		require.NoError(t, err)
		return keyring
	}
	source, clock := portsfake.NewKeys(keyring()), portsfake.NewClock(noon)
	service := publish.New(source, clock)
	set := func(to time.Time) { clock.Step(to.Sub(clock.Now())) }
	var last *byte
	for _, step := range []struct {
		name   string
		change func()
		built  bool
	}{
		{"the first request", func() {}, true},
		{"another one", func() {}, false},
		{"a clock that was set back", func() { set(noon.Add(-time.Hour)) }, false},
		{"another key signs", func() { set(noon.Add(time.Minute)) }, false},
		{"the last instant of a key", func() { set(noon.Add(time.Hour - 1)) }, false},
		{"a key expired", func() { set(noon.Add(time.Hour)) }, true},
		{"long after", func() { set(noon.Add(100 * time.Hour)) }, false},
		{"a clock that was set back over the expiry", func() { set(noon) }, true},
		{"another keyring with the same keys", func() { source.Put(keyring()) }, true},
	} {
		step.change()
		text := service.PublicSet()
		assert.Equal(t, keys.FormatPublic(source.Keyring(), clock.Now()), text, step.name)
		assert.Equal(t, step.built, unsafe.StringData(text) != last, step.name)
		last = unsafe.StringData(text)
	}
}

// TestConcurrentCallersShareOneSet checks that concurrent callers share a set that is built once,
// and that none gets the set of another keyring.
func TestConcurrentCallersShareOneSet(t *testing.T) {
	noon := time.Date(2026, 2, 16, 12, 0, 0, 0, time.UTC)
	var keyrings [2]*keys.Keyring
	for i := range keyrings {
		keyring, err := keys.NewKeyring(keys.NewEdDSA(keys.ID(fmt.Sprint("pair", i)),
			bytes.Repeat([]byte{byte(i)}, keys.SeedSize), keys.Plan{}))
		require.NoError(t, err)
		keyrings[i] = keyring
	}
	source := portsfake.NewKeys(keyrings[0])
	service := publish.New(source, portsfake.NewClock(noon))
	for _, keyring := range keyrings {
		source.Put(keyring)
		var sets sync.Map
		var callers sync.WaitGroup
		for range 32 {
			callers.Go(func() {
				set := service.PublicSet()
				assert.Equal(t, keys.FormatPublic(keyring, noon), set)
				sets.Store(unsafe.StringData(set), true)
			})
		}
		callers.Wait()
		built := 0
		sets.Range(func(any, any) bool { built++; return true })
		assert.Equal(t, 1, built)
	}
}
