package watch

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/child"
	"github.com/offload/sessiond/test/harness/freeport"
	"github.com/offload/sessiond/test/harness/parts"
)

// scrapeInterval is how often the Prometheus of a test scrapes and evaluates.
const scrapeInterval = 500 * time.Millisecond

// duration matches a duration of minutes or days where a rule may have one: "for: 5m", "[1d]" or
// "offset 15m".
var duration = regexp.MustCompile(`(for: |\[|offset )(\d+)([md])`)

// sixtyTimesFaster divides the durations of rules by 60, so that a minute becomes a second. Nothing
// else of the rules changes.
func sixtyTimesFaster(rules string) string {
	return duration.ReplaceAllStringFunc(rules, func(text string) string {
		part := duration.FindStringSubmatch(text)
		if part[3] == "d" {
			var days int
			_, _ = fmt.Sscan(part[2], &days) // digits
			return fmt.Sprintf("%s%dm", part[1], days*24)
		}
		return part[1] + part[2] + "s"
	})
}

func TestSixtyTimesFaster(t *testing.T) {
	require.Equal(t, "for: 5s\nrate(x[5s]) avg(y[24m] offset 15s) < 604800",
		sixtyTimesFaster("for: 5m\nrate(x[5m]) avg(y[1d] offset 15m) < 604800"))
}

// prometheus is a running Prometheus.
type prometheus struct{ address string }

// startPrometheus starts a Prometheus that scrapes targets, instance name to address, and evaluates
// the rules with durations divided by 60. The names are in the label instance.
func startPrometheus(t *testing.T, targets map[string]string) *prometheus {
	t.Helper()
	folder := t.TempDir()
	text, err := os.ReadFile(rulesFile)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "rules.yml"),
		[]byte(sixtyTimesFaster(string(text))), 0o600))
	var config strings.Builder
	fmt.Fprintf(&config, "global: {scrape_interval: %[1]s, scrape_timeout: %[1]s, "+
		"evaluation_interval: %[1]s}\nrule_files: [rules.yml]\nscrape_configs:\n"+
		"  - job_name: sessiond\n    static_configs:\n", scrapeInterval)
	for name, address := range targets {
		fmt.Fprintf(&config, "      - {targets: ['%s'], labels: {instance: %s}}\n", address, name)
	}
	file := filepath.Join(folder, "prometheus.yml")
	require.NoError(t, os.WriteFile(file, []byte(config.String()), 0o600))

	program, env, err := parts.Find("prometheus", "prometheus")
	require.NoError(t, err)
	address := freeport.Address(t, "127.0.0.1")
	command := exec.Command(program, "--config.file", file, "--web.listen-address", address,
		"--storage.tsdb.path", filepath.Join(folder, "data"), "--log.level", "warn")
	command.Env = slices.Concat(os.Environ(), env)
	process := child.Start(t, command)
	t.Cleanup(process.Kill)
	p := &prometheus{address}
	harness.Poll(t, "Prometheus is ready", func() bool {
		require.True(t, process.Running(), "Prometheus ended:\n%s", process.Log())
		answer, err := http.Get("http://" + address + "/-/ready")
		if err != nil {
			return false
		}
		_ = answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
	return p
}

// get requests a path of the API and decodes its data.
func (p *prometheus) get(t *testing.T, path string, query url.Values, data any) {
	t.Helper()
	answer, err := http.Get("http://" + p.address + "/api/v1/" + path + "?" + query.Encode())
	require.NoError(t, err)
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.StatusCode, "%s %s: %s", path, query, body)
	require.NoError(t, json.Unmarshal(body, &struct{ Data any }{data}))
}

// alert is an alert that is pending or firing.
type alert struct {
	Labels, Annotations map[string]string
	State               string
}

// firing returns the alerts that fire, by name.
func (p *prometheus) firing(t *testing.T) map[string][]alert {
	t.Helper()
	var data struct{ Alerts []alert }
	p.get(t, "alerts", nil, &data)
	found := map[string][]alert{}
	for _, one := range data.Alerts {
		if one.State == "firing" {
			name := one.Labels["alertname"]
			found[name] = append(found[name], one)
		}
	}
	return found
}

// series returns the number of series that a query returns.
func (p *prometheus) series(t *testing.T, query string) int {
	t.Helper()
	var data struct{ Result []any }
	p.get(t, "query", url.Values{"query": {query}}, &data)
	return len(data.Result)
}
