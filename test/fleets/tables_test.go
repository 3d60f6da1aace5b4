package fleets

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/app/issue"
	"github.com/offload/sessiond/test/marked"
)

// The page that holds the tables, and one that repeats what a week's collecting yields.
const (
	page        = "../../cmd/sessiond/docs/limits.md"
	threatModel = "../../cmd/sessiond/docs/threat-model.md"
)

var update = flag.Bool("update", false, "write the tables into the page")

// The networks of the crowds.
var (
	address4 = netip.MustParsePrefix("203.0.113.7/32")
	carrier4 = netip.MustParsePrefix("198.51.100.0/24")
	carrier6 = netip.MustParsePrefix("2001:db8::/48")
)

var (
	class = crowd{name: "a class of 30 behind one IPv4 address, within a minute",
		network: address4, sites: 1, newcomers: 30, within: time.Minute, lasts: time.Hour}
	school = crowd{name: "a school of 600 behind one IPv4 address, within ten minutes",
		network: address4, sites: 1, newcomers: 600, within: 10 * time.Minute,
		lasts: time.Hour}
	carrier = crowd{
		name:    "a carrier's IPv4 /24 with 20,000 phones, of which 200 are new in an hour",
		network: carrier4, sites: 256, holders: 19_800, newcomers: 200, within: time.Hour,
		lasts: time.Hour}
	launch = crowd{name: "a launch day: 20,000 new phones in a carrier's IPv4 /24 in an hour",
		network: carrier4, sites: 256, newcomers: 20_000, within: time.Hour, lasts: time.Hour}
	launch6 = crowd{name: "the same in a carrier's IPv6 /48, with a /64 for each phone",
		network: carrier6, newcomers: 20_000, within: time.Hour, lasts: time.Hour}
	message = crowd{name: "20,000 new phones in a carrier's IPv4 /24 in five minutes, " +
		"as after a push message",
		network: carrier4, sites: 256, newcomers: 20_000, within: 5 * time.Minute,
		lasts: 30 * time.Minute}
	beginning = crowd{name: "the first five minutes of such a day",
		network: carrier4, sites: 256, newcomers: 1_667, within: 5 * time.Minute,
		lasts: 30 * time.Minute}
)

// but returns a crowd with another name and a change.
func (c crowd) but(name string, change func(*crowd)) crowd {
	c.name = name
	change(&c)
	return c
}

// row is a crowd under limits.
type row struct {
	crowd
	limits issue.Limits
}

// rows returns the crowds under the defaults, those beside an attacker, and those under other
// limits.
func rows(defaults issue.Limits) (usual, attacked, others []row) {
	for _, c := range []crowd{class, school, carrier, launch, launch6, message} {
		usual = append(usual, row{c, defaults})
	}
	attacked = []row{
		{class.but("60 phones behind its address, of which 30 are new within a minute",
			func(c *crowd) { c.holders, c.attacked = 30, true }), defaults},
		{carrier.but("20,000 phones in the carrier's IPv4 /24 that has its address, of which 200 "+
			"are new in an hour", func(c *crowd) { c.attacked = true }), defaults},
	}
	before, more := defaults, defaults
	before.PerAddress, before.PerNetwork = 8, 256
	more.PerAddress, more.PerNetwork = 96, 5000
	under := func(l issue.Limits, c crowd) {
		c.name = fmt.Sprintf("%d, %s: %s", l.PerAddress, grouped(l.PerNetwork), c.name)
		others = append(others, row{c, l})
	}
	under(before, class)
	under(before, launch.but(launch.name, func(c *crowd) { c.lasts = 100 * time.Minute }))
	under(before, beginning)
	under(before, beginning.but("the same, if `Retry-After` had no share of the window added",
		func(c *crowd) { c.unspread = true }))
	under(more, school)
	under(more, message)
	return usual, attacked, others
}

// tables holds the text of each table by the name of its marks. The texts are complete after the
// simulations, which run in parallel.
type tables map[string]*string

// add adds a table whose lines are simulated by parallel subtests.
func (all tables) add(t *testing.T, name, head string, names []string,
	line func(*testing.T, int) string) {
	lines, text := make([]string, len(names)), new(string)
	all[name] = text
	for i := range names {
		t.Run(names[i], func(t *testing.T) {
			t.Parallel()
			lines[i] = line(t, i)
		})
	}
	t.Cleanup(func() { *text = heading(head) + strings.Join(lines, "") })
}

// addCrowds adds a table of crowds.
func (all tables) addCrowds(t *testing.T, name string, of []row) {
	head := "Crowd | New phones refused at first | Attempts of a new phone: mean, worst | " +
		"Longest wait, s | Peak, requests a second"
	if name == otherLimits {
		head = "Limits of an address and a network: " + head
	}
	names := make([]string, len(of))
	for i, r := range of {
		names[i] = r.name
	}
	all.add(t, name, head, names, func(t *testing.T, i int) string {
		got := of[i].simulate(t, of[i].limits)
		assert.Zero(t, got.renewalsRefused, "renewals refused")
		if of[i].holders > 0 {
			assert.GreaterOrEqual(t, got.renewals, of[i].holders, "renewals")
		}
		if !of[i].attacked {
			assert.Equal(t, of[i].newcomers, got.served, "served")
		}
		return of[i].line(got)
	})
}

// The names of the tables.
const (
	usualCrowds    = "crowds"
	attackedCrowds = "crowds-attacked"
	otherLimits    = "crowds-other-limits"
	obtained       = "attackers"
	hoards         = "hoards"
)

// TestTables compares the tables on the page with what the simulations give. It writes them with
// -update.
func TestTables(t *testing.T) {
	all := tables{}
	t.Run("simulate", func(t *testing.T) {
		usual, attacked, others := rows(defaults(t).Limits)
		all.addCrowds(t, otherLimits, others) // the longest first
		all.addCrowds(t, usualCrowds, usual)
		all.addCrowds(t, attackedCrowds, attacked)
		all.addAttackers(t)
	})
	text := hoardTable(t)
	all[hoards] = &text
	for name, text := range all {
		if *update && !t.Failed() {
			require.NoError(t, marked.Replace(page, name, *text))
		}
		committed, err := marked.Text(page, name)
		require.NoError(t, err)
		assert.Equal(t, *text, committed, "write the table %q anew with make fleets", name)
	}
}

// heading formats the head of a table in Markdown.
func heading(columns string) string {
	return "| " + columns + " |\n|" + strings.Repeat(" --- |", strings.Count(columns, "|")+1) + "\n"
}

// line formats an outcome in Markdown.
func (r row) line(got outcome) string {
	wait := grouped(int((got.longest + time.Second - 1) / time.Second))
	if got.served < r.newcomers {
		wait = fmt.Sprintf("%s never served", grouped(r.newcomers-got.served))
	}
	return fmt.Sprintf("| %s | %s | %.1f, %s | %s | %s |\n", r.name,
		share(got.refusedFirst, r.newcomers), float64(got.attempts)/float64(r.newcomers),
		grouped(got.worst), wait, grouped(got.peak))
}

// addAttackers adds the table of what attackers obtain in an hour.
func (all tables) addAttackers(t *testing.T) {
	names := make([]string, len(holdings))
	for i, of := range holdings {
		names[i] = of.name
	}
	all.add(t, obtained, "An attacker with | New sessions in the first minute | In an hour | "+
		"Refused by", names, func(t *testing.T, i int) string {
		got := obtain(t, holdings[i], time.Hour)
		assert.Len(t, got.kept, yieldOf(defaults(t), holdings[i]).collected(time.Hour))
		return fmt.Sprintf("| %s | %s | %s | %s |\n", names[i], grouped(got.firstMinute),
			grouped(len(got.kept)), "`"+got.by.String()+"`")
	})
}

const week = 7 * 24 * time.Hour

// TestThreatModel checks that the threat model repeats what a week's collecting yields.
func TestThreatModel(t *testing.T) {
	text, err := os.ReadFile(threatModel)
	require.NoError(t, err)
	for _, of := range holdings {
		yields := grouped(yieldOf(defaults(t), of).renewable(week))
		assert.True(t, strings.Contains(string(text), yields), "%s lacks %s, for %s", threatModel,
			yields, of.name)
	}
}

// hoardTable returns the table of what comes of a week's sessions.
func hoardTable(t *testing.T) string {
	t.Helper()
	settings := defaults(t)
	var text strings.Builder
	text.WriteString(heading("An attacker with | Valid at once, if none is renewed | " +
		"Collected in a week, all renewable | Time to renew them all, min | " +
		"Renewals a minute that keep all valid | Renewals a minute that are allowed | " +
		"Most that renewals can keep valid"))
	for _, of := range holdings {
		y := yieldOf(settings, of)
		all := y.renewable(week)
		require.Equal(t, y.collected(week), all, "all are renewable")
		fmt.Fprintf(&text, "| %s | %s | %s | %s | %s | %s | %s |\n", of.name,
			grouped(y.collected(y.lifetime)), grouped(all),
			grouped(int(y.renewedWithin(all)/time.Minute)), grouped(y.upkeep(all)),
			grouped(y.renewals()), grouped(y.most()))
	}
	return text.String()
}

// share formats a number as one of a total.
func share(n, of int) string {
	if n == 0 {
		return "none"
	}
	return fmt.Sprintf("%s (%.0f %%)", grouped(n), 100*float64(n)/float64(of))
}

// grouped formats a number with commas between thousands.
func grouped(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
