package readiness_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/app/readiness"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/ports/portsfake"
)

var noon = time.Date(2026, 2, 16, 12, 0, 0, 0, time.UTC)

// fixedHealth is a ports.Health whose condition never changes.
type fixedHealth ports.Condition

func (h fixedHealth) Condition() ports.Condition { return ports.Condition(h) }

func TestUnreadyUntilAKeyCouldSign(t *testing.T) {
	clock := portsfake.NewClock(noon)
	keyring, err := keys.NewKeyring(keys.NewHS256("kid", []byte("secret"), keys.Plan{
		SignFrom: noon.Add(time.Minute), VerifyUntil: noon.Add(time.Hour),
	}))
	require.NoError(t, err)
	part := ports.Condition{Name: "part", Ready: true, Detail: "a detail"}
	service := readiness.New(portsfake.NewKeys(keyring), clock, fixedHealth(part))

	service.Started()
	assert.Equal(t, []ports.Condition{
		{Name: "service", Ready: true},
		{Name: "keys", Ready: false, Detail: "no key may sign now"},
		part,
	}, service.Conditions(), "unready until a key could sign")

	clock.Advance(time.Minute)
	assert.Equal(t, ports.Condition{Name: "keys", Ready: true}, service.Conditions()[1])

	clock.Advance(59 * time.Minute)
	assert.Equal(t, ports.Condition{Name: "keys", Ready: true, Detail: "no key may sign now"},
		service.Conditions()[1],
		"afterwards a missing signing key is only a detail")
}

func TestStartedChecksForASigner(t *testing.T) {
	clock := portsfake.NewClock(noon)
	keyring, err := keys.NewKeyring(keys.NewHS256("kid", []byte("secret"),
		keys.Plan{SignFrom: noon, VerifyUntil: noon.Add(time.Hour)}))
	require.NoError(t, err)
	service := readiness.New(portsfake.NewKeys(keyring), clock)
	service.Started()
	clock.Advance(time.Hour)
	assert.Equal(t, ports.Condition{Name: "keys", Ready: true, Detail: "no key may sign now"},
		service.Conditions()[1],
		"a key could sign when the service started")
}

func TestReportsTheStage(t *testing.T) {
	keyring, err := keys.NewKeyring(keys.NewHS256("kid", []byte("secret"), keys.Plan{}))
	require.NoError(t, err)
	service := readiness.New(portsfake.NewKeys(keyring), portsfake.NewClock(noon))
	assert.Equal(t, ports.Condition{Name: "service", Detail: "starting"}, service.Conditions()[0])
	service.Started()
	assert.Equal(t, ports.Condition{Name: "service", Ready: true}, service.Conditions()[0])
	service.Stopping()
	assert.Equal(t, ports.Condition{Name: "service", Detail: "stopping"}, service.Conditions()[0])
}
