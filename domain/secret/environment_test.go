package secret_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/domain/secret"
)

func TestEnvironment(t *testing.T) {
	for text, want := range map[string]struct {
		name       string
		production bool
	}{
		"": {"development", false}, " \t": {"development", false}, "dev": {"dev", false},
		"DEV": {"dev", false}, " Development ": {"development", false}, "local": {"local", false},
		"test": {"test", false}, "Testing": {"testing", false}, "production": {"production", true},
		"Prod": {"prod", true}, "staging": {"staging", true}, "develop": {"develop", true},
		"dev,": {"dev,", true}, "de v": {"de v", true}, "TESTİNG": {"testİng", true},
	} {
		environment := secret.ParseEnvironment(text)
		assert.Equal(t, want.name, environment.String(), "%q", text)
		assert.Equal(t, want.production, environment.ProductionLike(), "%q", text)
	}
	assert.False(t, secret.Environment{}.ProductionLike())
	assert.False(t, secret.Environment{}.Named())
	for text, want := range map[string]string{"developmenr": "development", "Devlopment": "development",
		"tset": "test", "tests": "test", "locale": "local", "TEST\u0130NG": "", "testin": "testing",
		"prod": "", "production": "", "demo": "", "beta": "", "qa": "", "": "", "test": "",
		"development": "", "testing": ""} {
		assert.Equal(t, want, secret.ParseEnvironment(text).Meant(), text)
	}
	assert.Equal(t, "production", secret.Environment{}.Exposed().String())
	assert.Equal(t, "test", secret.ParseEnvironment("test").Exposed().String())
}
