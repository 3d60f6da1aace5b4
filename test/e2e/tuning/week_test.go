package tuning_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/cli"
)

// group is a group of clients of the simulated week. No two share a network.
type group struct {
	name   string
	visits func(random *rand.Rand, add func(second int, address string))
}

const day = 86400

var groups = []group{
	{"homes", func(random *rand.Rand, add func(int, string)) {
		for home := range 1500 {
			for range 7 * (1 + random.IntN(3)) { // a phone, a tablet and so on, once a day
				add(random.IntN(7*day), fmt.Sprintf("10.%d.%d.%d", home/250, home%250,
					random.IntN(2)))
			}
		}
	}},
	{"school", func(random *rand.Rand, add func(int, string)) {
		for weekday := range 5 {
			for range 60 {
				add(weekday*day+8*3600+random.IntN(120), "192.0.2.1")
			}
		}
	}},
	{"carrier", func(random *rand.Rand, add func(int, string)) {
		for phone := range 8000 {
			for range 3 {
				add(random.IntN(7)*day+7*3600+random.IntN(14*3600), fmt.Sprintf("198.51.100.%d",
					phone%64))
			}
		}
	}},
	{"one address", func(_ *rand.Rand, add func(int, string)) {
		for second := range 3600 {
			add(2*day+3*3600+second, "203.0.113.9")
		}
	}},
	{"a /24", func(random *rand.Rand, add func(int, string)) {
		for address := range 256 {
			for round := range 90 {
				add(4*day+3*3600+20*round+random.IntN(20), fmt.Sprintf("203.0.114.%d", address))
			}
		}
	}},
}

// logOf writes the log of visits and returns its name.
func logOf(t *testing.T, visits []visit) string {
	t.Helper()
	slices.SortStableFunc(visits, func(a, b visit) int { return a.at.Compare(b.at) })
	name := filepath.Join(t.TempDir(), "access.log")
	file, err := os.Create(name)
	require.NoError(t, err)
	text := bufio.NewWriter(file)
	for _, v := range visits {
		_, _ = text.WriteString(logFormats["combined"](v) + "\n")
	}
	require.NoError(t, text.Flush())
	require.NoError(t, file.Close())
	return name
}

// TestSimulatedWeek says who is refused at which limit in a generated week, for the page.
func TestSimulatedWeek(t *testing.T) {
	t.Parallel()
	grid := []string{"--per-ip", "8,16,32,64", "--per-network", "256,2048"}
	var all []visit
	var reports []cli.SimulateReport
	for i, group := range groups {
		var own []visit
		group.visits(rand.New(rand.NewPCG(20, uint64(i))), func(second int, address string) {
			own = append(own, visitAt(second, address))
		})
		reports = append(reports, simulate(t, append(grid, logOf(t, own))...))
		all = append(all, own...)
	}
	whole := simulate(t, append(grid, logOf(t, all))...)
	var table strings.Builder
	table.WriteString("| per address | per network |")
	for _, group := range groups {
		table.WriteString(" " + group.name + " |")
	}
	table.WriteString("\n|" + strings.Repeat(" --- |", 2+len(groups)) + "\n")
	for i, setting := range whole.Settings {
		fmt.Fprintf(&table, "| %d | %d |", setting.Limits["ip"], setting.Limits["network"])
		sum := 0
		for _, report := range reports {
			sum += report.Settings[i].Refused
			fmt.Fprintf(&table, " %.1f %% |", 100*report.Settings[i].RefusedShare)
		}
		table.WriteByte('\n')
		assert.Equal(t, setting.Refused, sum, "the groups share no subject")
	}
	// The known abusers are nearly all that the defaults refuse.
	const defaults = 5
	assert.Equal(t, map[string]int{"ip": 32, "network": 2048}, whole.Settings[defaults].Limits)
	assert.Zero(t, reports[0].Settings[defaults].Refused)
	assert.Greater(t, reports[3].Settings[defaults].RefusedShare, 0.4)

	page := filepath.Join("..", "..", "..", "cmd", "sessiond", "docs", "tuning.md")
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	const begin, end = "-update -->\n", "<!-- end -->"
	before, rest, ok := strings.Cut(string(text), begin)
	shown, after, closed := strings.Cut(rest, end)
	require.True(t, ok && closed)
	want := "\n" + table.String() + "\n"
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(before+begin+want+end+after), 0o644))
		return
	}
	assert.Equal(t, want, shown)
}

func visitAt(second int, address string) visit {
	return visit{at: logStart.Add(time.Duration(second) * time.Second),
		address: netip.MustParseAddr(address), issues: true}
}
