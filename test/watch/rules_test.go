package watch

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/offload/sessiond/test/harness/parts"
)

const (
	root       = "../.."
	rulesFile  = root + "/cmd/sessiond/deploy/prometheus/rules.yml"
	scrapeFile = root + "/cmd/sessiond/deploy/prometheus/prometheus.yml"
)

// rules is a rule file.
type rules struct {
	Groups []struct {
		Rules []rule
	}
}

// rule is an alert rule, or a recording rule, which has no Alert.
type rule struct {
	Alert       string
	Labels      map[string]string
	Annotations map[string]string
}

// alerts returns the alert rules, by name.
func alerts(t *testing.T) map[string]rule {
	t.Helper()
	text, err := os.ReadFile(rulesFile)
	require.NoError(t, err)
	var file rules
	require.NoError(t, yaml.Unmarshal(text, &file))
	found := map[string]rule{}
	for _, group := range file.Groups {
		for _, one := range group.Rules {
			if one.Alert != "" {
				found[one.Alert] = one
			}
		}
	}
	require.NotEmpty(t, found)
	return found
}

// promtool runs promtool, which must succeed.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	program, env, err := parts.Find("prometheus", "promtool")
	require.NoError(t, err)
	command := exec.Command(program, args...)
	command.Env = slices.Concat(os.Environ(), env)
	output, err := command.CombinedOutput()
	require.NoError(t, err, "%s", output)
}

// TestRulesFireAndClear evaluates the rules over series of which the file says when alerts fire.
func TestRulesFireAndClear(t *testing.T) {
	t.Parallel()
	cases := filepath.Join("testdata", "rules_test.yml")
	promtool(t, "test", "rules", cases)
	text, err := os.ReadFile(cases)
	require.NoError(t, err)
	for name := range alerts(t) {
		assert.Contains(t, string(text), `"`+name+`"`, "no case has the alert fire")
	}
}

func TestScrapeExampleIsValid(t *testing.T) {
	t.Parallel()
	promtool(t, "check", "config", scrapeFile)
}

// TestAlertsAreComplete checks what a person who is woken up needs.
func TestAlertsAreComplete(t *testing.T) {
	t.Parallel()
	for name, one := range alerts(t) {
		assert.Contains(t, []string{"critical", "warning"}, one.Labels["severity"], name)
		assert.NotEmpty(t, one.Annotations["summary"], name)
		assert.Equal(t, "RUNBOOK/runbook.md#"+strings.ToLower(name),
			one.Annotations["runbook_url"], name)
	}
}
