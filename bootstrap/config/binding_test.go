package config_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/domain/session"
)

// TestBindingNeeds checks what binding needs in a production-like environment, and that nothing
// else needs it.
func TestBindingNeeds(t *testing.T) {
	const digestKey, origins = "OFFLOAD_LIMITER_DIGEST_KEY=" + strongB,
		"OFFLOAD_PUBLIC_ORIGINS=https://api.example.com"
	noOrigins := finding{"OFFLOAD_PUBLIC_ORIGINS", "default", "is not set, and OFFLOAD_SESSION_BINDING is"}
	noKey := finding{"OFFLOAD_LIMITER_DIGEST_KEY", "default",
		"is not set, and OFFLOAD_SESSION_BINDING is"}
	for _, word := range []string{"accept", "require"} {
		for name, c := range map[string]struct {
			environ []string
			faults  []finding
		}{
			"nothing":       {nil, []finding{noKey, noOrigins}},
			"a digest key":  {[]string{digestKey}, []finding{noOrigins}},
			"origins":       {[]string{origins}, []finding{noKey}},
			"both":          {[]string{digestKey, origins}, nil},
			"a bad origin":  {[]string{digestKey, "OFFLOAD_PUBLIC_ORIGINS=api.example.com"}, []finding{{"OFFLOAD_PUBLIC_ORIGINS", "environment", "entry 1 is not an origin"}}},
			"empty origins": {[]string{digestKey, "OFFLOAD_PUBLIC_ORIGINS="}, []finding{{"OFFLOAD_PUBLIC_ORIGINS", "environment", "is not set, and"}}},
			"a shared storage without a key": {[]string{origins, "OFFLOAD_LIMITER_STORAGE=redis",
				"OFFLOAD_REDIS_URL=rediss://redis.example.com"}, []finding{{"OFFLOAD_LIMITER_DIGEST_KEY", "default",
				"is not set, and replicas share a storage"}}},
		} {
			review := load(t, production(append(c.environ, "OFFLOAD_SESSION_BINDING="+word)...))
			t.Log(name)
			assertFindings(t, c.faults, review.Faults)
		}
		review := load(t, env("OFFLOAD_SESSION_BINDING="+word))
		assertFindings(t, nil, review.Faults)
		assert.Equal(t, word, review.Config.Session.Binding.String())
	}
	review := load(t, production())
	assertFindings(t, nil, review.Faults)
	assert.Equal(t, session.BindingOff, review.Config.Session.Binding)
	review = load(t, env("OFFLOAD_SESSION_BINDING=on"))
	assertFindings(t, []finding{{"OFFLOAD_SESSION_BINDING", "environment", "is not one of the allowed values"}}, review.Faults)
}

func TestBoundAudience(t *testing.T) {
	for name, c := range map[string]struct {
		environ []string
		want    string
		faults  []finding
	}{
		"default": {[]string{"OFFLOAD_SESSION_TOKEN_AUDIENCE=app"}, "app:bound", nil},
		"empty":   {[]string{"OFFLOAD_SESSION_BOUND_AUDIENCE= "}, "offload-ios:bound", nil},
		"its own": {[]string{"OFFLOAD_SESSION_BOUND_AUDIENCE=keys"}, "keys", nil},
		"the same": {[]string{"OFFLOAD_SESSION_BOUND_AUDIENCE=offload-ios"}, "offload-ios:bound",
			[]finding{{"OFFLOAD_SESSION_BOUND_AUDIENCE", "environment", "is the audience of sessions"}}},
	} {
		review := load(t, env(append(c.environ, "OFFLOAD_SESSION_BINDING=accept")...))
		assertFindings(t, c.faults, review.Faults)
		assert.Equal(t, c.want, review.Config.Session.BoundAudience, name)
	}
}
