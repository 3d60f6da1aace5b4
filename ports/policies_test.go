package ports_test

import (
	"encoding"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/ports"
)

// word is implemented by the types that are words from fixed lists.
type word interface {
	fmt.Stringer
	encoding.TextMarshaler
}

// words returns the words of all values, and checks that String and MarshalText agree.
func words[W word](t *testing.T, all []W) []string {
	t.Helper()
	var texts []string
	for _, value := range all {
		text, err := value.MarshalText()
		require.NoError(t, err)
		assert.Equal(t, value.String(), string(text))
		texts = append(texts, value.String())
	}
	return texts
}

func TestWords(t *testing.T) {
	assert.Equal(t, []string{"enforce", "observe"}, words(t, ports.ThrottleModes()))
	assert.Equal(t, []string{"local", "deny", "allow"}, words(t, ports.OutagePolicies()))
	assert.Equal(t, []string{"memory", "redis"}, words(t, ports.StorageKinds()))
	assert.Equal(t, []string{"debug", "info", "warn", "error"}, words(t, ports.LogLevels()))
	assert.Equal(t, []string{"json", "text"}, words(t, ports.LogFormats()))
}

func TestZeroValuesAreTheDefaults(t *testing.T) {
	var (
		mode    ports.ThrottleMode
		policy  ports.OutagePolicy
		storage ports.StorageKind
		level   ports.LogLevel
		format  ports.LogFormat
	)
	assert.Equal(t, "enforce local memory info json", fmt.Sprint(mode, " ", policy, " ", storage,
		" ", level, " ", format))
	assert.False(t, storage.Shared())
	assert.True(t, ports.StorageRedis.Shared())
}
