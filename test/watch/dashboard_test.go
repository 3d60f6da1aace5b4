package watch

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const dashboardFile = root + "/cmd/sessiond/deploy/grafana/sessiond.json"

// panel is a panel of the dashboard, with its queries as Grafana sends them.
type panel struct {
	title   string
	queries []string
}

// panels returns the panels of the dashboard, and its annotations as one more. The variables of the
// queries have the values that fit the Prometheus of the test.
func panels(t *testing.T) []panel {
	t.Helper()
	text, err := os.ReadFile(dashboardFile)
	require.NoError(t, err)
	var dashboard struct {
		Panels []struct {
			Title, Type string
			Targets     []struct{ Expr string }
		}
		Annotations struct {
			List []struct{ Name, Expr string }
		}
	}
	require.NoError(t, json.Unmarshal(text, &dashboard))
	variables := strings.NewReplacer("$job", "sessiond", "$instance", ".*",
		"$__rate_interval", "5s")
	var found []panel
	for _, one := range dashboard.Panels {
		if one.Type == "row" {
			continue
		}
		shown := panel{title: one.Title}
		for _, target := range one.Targets {
			shown.queries = append(shown.queries, variables.Replace(target.Expr))
		}
		require.NotEmpty(t, shown.queries, one.Title)
		found = append(found, shown)
	}
	for _, one := range dashboard.Annotations.List {
		found = append(found, panel{one.Name, []string{variables.Replace(one.Expr)}})
	}
	return found
}

// TestDashboardNamesVariables checks that no variable but the known ones is left in a query.
func TestDashboardNamesVariables(t *testing.T) {
	t.Parallel()
	all := panels(t)
	assert.Greater(t, len(all), 20)
	for _, one := range all {
		for _, query := range one.queries {
			assert.NotContains(t, query, "$", one.title)
		}
	}
}
