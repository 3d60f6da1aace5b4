// Command compare measures sessiond beside what people use instead, and beside the lower bounds
// that the machine sets. Run it by make bench or make bench-check.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/offload/sessiond/test/bench/rig"
	"github.com/offload/sessiond/test/marked"
)

// groups lists what is measured, in the order of the table.
var groups = []rig.Group{
	{Name: "tokens", Measure: tokens},
	{Name: "memory", Measure: memoryGroup},
	{Name: "subjects", Measure: keptGroup},
	{Name: "redis", Measure: redisGroup},
	{Name: "growth", Curves: growth},
	{Name: "service", Measure: service},
	{Name: "tail", Measure: tail},
}

// tolerance is by how much a row may be worse than before.
const tolerance = 0.15

type options struct {
	groups  string
	plan    rig.Plan
	results string
	table   string
	short   string
	check   bool

	// bare is where this process serves as the bare server, if it does.
	bare, certificate, key string
}

func main() {
	var o options
	flags := flag.NewFlagSet("compare", flag.ExitOnError)
	flags.StringVar(&o.groups, "groups", "", "comma-separated groups of rows (default: all)")
	flags.IntVar(&o.plan.Rounds, "rounds", 31, "how often each contestant has its turn")
	flags.DurationVar(&o.plan.Turn, "turn", 20*time.Millisecond, "about how long a turn takes")
	flags.StringVar(&o.results, "results", "results.json", "file that holds the results")
	flags.StringVar(&o.table, "table", "", "Markdown file that gets the tables, and plots beside it")
	flags.StringVar(&o.short, "short", "", "Markdown file that gets the table in short")
	flags.BoolVar(&o.check, "check", false,
		"compare with the results in the file and fail if any is worse, instead of writing")
	flags.StringVar(&o.bare, "bare", "", "serve as the bare server of group service")
	flags.StringVar(&o.certificate, "certificate", "", "certificate of the bare server")
	flags.StringVar(&o.key, "key", "", "its private key")
	_ = flags.Parse(os.Args[1:]) // exits if it fails
	if o.bare != "" {
		fmt.Fprintln(os.Stderr, "compare:", serveBare(o.bare, o.certificate, o.key))
		os.Exit(1)
	}
	worse, err := run(o, os.Stdout)
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	case len(worse) > 0:
		fmt.Fprintf(os.Stderr, "compare: %d rows are worse by more than %.0f%%:\n%s\n", len(worse),
			100*tolerance, strings.Join(worse, "\n"))
		os.Exit(1)
	}
}

// run measures the chosen groups, and either writes the results or returns what is worse.
func run(o options, out io.Writer) (worse []string, err error) {
	before, err := rig.ReadResults(o.results)
	if err != nil {
		return nil, err
	}
	chosen, err := choose(o.groups)
	if err != nil {
		return nil, err
	}
	now := rig.NewResults()
	for _, group := range chosen {
		if err := measure(group, o.plan, &now); err != nil {
			return nil, fmt.Errorf("%s: %w", group.Name, err)
		}
	}
	_, _ = io.WriteString(out, now.Markdown())
	if o.check {
		return now.Regressions(before, tolerance), nil
	}
	all := before.Merged(now)
	if err := all.Write(o.results); err != nil {
		return nil, err
	}
	return nil, show(o, all)
}

// show writes the tables and the plots into the pages that the options name.
func show(o options, all rig.Results) error {
	for file, text := range map[string]string{o.table: all.Markdown(), o.short: all.Short()} {
		if file == "" {
			continue
		}
		if err := marked.Replace(file, "bench", text); err != nil {
			return err
		}
	}
	if o.table == "" {
		return nil
	}
	if err := plotAll(all.Curves, filepath.Dir(o.table)); err != nil {
		return err
	}
	return marked.Replace(o.table, "growth", grown(all.Curves))
}

// measure adds the rows and the curves of a group.
func measure(group rig.Group, turns rig.Plan, to *rig.Results) error {
	if group.Measure != nil {
		rows, err := group.Measure(turns)
		if err != nil {
			return err
		}
		to.Rows = append(to.Rows, rows...)
	}
	if group.Curves != nil {
		curves, err := group.Curves(turns)
		if err != nil {
			return err
		}
		to.Curves = append(to.Curves, curves...)
	}
	return nil
}

// choose returns the groups with the comma-separated names, or all.
func choose(names string) ([]rig.Group, error) {
	if names == "" {
		return groups, nil
	}
	var chosen []rig.Group
	for name := range strings.SplitSeq(names, ",") {
		at := slices.IndexFunc(groups, func(g rig.Group) bool {
			return g.Name == strings.TrimSpace(name)
		})
		if at < 0 {
			return nil, fmt.Errorf("no group is named %q", name)
		}
		chosen = append(chosen, groups[at])
	}
	return chosen, nil
}
