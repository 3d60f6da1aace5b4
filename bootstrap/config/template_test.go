package config_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/system/capacity"
	"github.com/offload/sessiond/bootstrap/config"
)

// TestTemplate reads the template as a file: it holds every variable, and changes nothing.
func TestTemplate(t *testing.T) {
	tempDir(t)
	template := config.Template()
	for line := range strings.Lines(template) {
		assert.LessOrEqual(t, len(strings.TrimSuffix(line, "\n")), 80, line)
	}
	for _, base := range [][]string{nil,
		{"OFFLOAD_ENVIRONMENT=production", "OFFLOAD_SESSION_SECRET=" + strongA}} {
		// The machine allows a little less than the default, which is no warning.
		allowed := capacity.Capacity{Descriptors: 20000}
		plain := load(t, input{environ: base, capacity: allowed})
		in := inYAML(template)
		in.environ, in.capacity = base, allowed
		review := load(t, in)
		require.Empty(t, review.Faults)
		assert.Equal(t, len(plain.Settings), len(review.Settings))
		for i, setting := range review.Settings[1:] {
			assert.Equal(t, plain.Settings[i+1].Value, setting.Value, setting.Variable)
			name := strings.ToLower(strings.TrimPrefix(setting.Variable, "OFFLOAD_"))
			assert.Regexp(t, `(?m)^#?`+name+`:`, template, setting.Variable)
		}
		assert.Equal(t, plain.Warnings, review.Warnings)
		plain.Config.DigestKey, review.Config.DigestKey = config.Secret{}, config.Secret{}
		assert.Equal(t, plain.Config, review.Config)
	}
}
