// Siege attacks the built service with everything that a stranger can send, while other clients are
// being served, and measures from outside what that costs: resident memory, the others' latency,
// log lines, and the time to recovery after the attackers have left. It exits with status 1 if a
// goal is missed, so that the budgets of the HTTP server are held by measurement.
//
// Attackers run in a process of their own at a lower priority: they stand for other machines, and
// must not take the service's processors. The figures stand beside those in before.json, which the
// same rig recorded of a service without budgets (-record).
//
// make siege runs every shape within six minutes on two processors. It needs Linux (/proc, and
// addresses from all of 127.0.0.0/8) and redis-server.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/offload/sessiond/test/marked"
)

// options are what the flags choose.
type options struct {
	binary         string
	shapes         string
	list           bool
	outcomes       bool
	calm, attack   time.Duration
	table, sizing  string
	before, record string
}

func main() {
	if order, isAttacker := os.LookupEnv(orderVariable); isAttacker {
		obey(order)
		return
	}
	var o options
	flag.StringVar(&o.shapes, "shapes", "",
		"comma-separated names or beginnings of names (default: all)")
	flag.BoolVar(&o.list, "list", false, "list the shapes")
	flag.BoolVar(&o.outcomes, "outcomes", false,
		"check only the goals that do not depend on what else the machine does: no latency, no rate")
	flag.DurationVar(&o.calm, "calm", 2*time.Second,
		"how long the others are measured before each attack")
	flag.DurationVar(&o.attack, "attack", 5*time.Second,
		"how long an attack lasts once all attackers have come")
	flag.StringVar(&o.table, "table", "", "Markdown file that gets the table of all shapes")
	flag.StringVar(&o.sizing, "sizing", "", "Markdown file that gets the memory of one connection")
	flag.StringVar(&o.before, "before", "test/siege/before.json",
		"figures of the service without budgets")
	flag.StringVar(&o.record, "record", "", "write the figures to this file and check no goal")
	flag.Usage = func() {
		_, _ = fmt.Fprintln(flag.CommandLine.Output(), "usage: siege [flags] BINARY")
		flag.PrintDefaults()
	}
	flag.Parse()
	o.binary = flag.Arg(0)
	if !o.list && flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	missed, err := run(ctx, o, os.Stdout)
	cancel()
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "siege:", err)
		os.Exit(1)
	case missed > 0:
		fmt.Fprintf(os.Stderr, "siege: %d shapes missed a goal\n", missed)
		os.Exit(1)
	}
}

// run measures the chosen shapes and writes what the options ask for. It returns how many shapes
// missed a goal.
func run(ctx context.Context, o options, out io.Writer) (missed int, err error) {
	files, err := raiseOpenFiles()
	if err != nil {
		return 0, err
	}
	all := shapes(files)
	chosen, err := choose(all, o.shapes)
	if err != nil {
		return 0, err
	}
	if o.list {
		for _, s := range all {
			_, _ = fmt.Fprintf(out, "%-24s %s\n", s.name, s.title)
		}
		return 0, nil
	}
	if o.table != "" && len(chosen) < len(all) {
		return 0, fmt.Errorf("a table needs all shapes: omit -shapes or -table")
	}
	if files < wantedFiles {
		_, _ = fmt.Fprintf(out, "The hard limit on open files is %d, but %d are wanted: shapes "+
			"with more connections are sized down. Raise it with ulimit -Hn.\n", files, wantedFiles)
	}
	world, err := newWorld()
	if err != nil {
		return 0, err
	}
	defer world.remove()

	began := time.Now()
	now := record{}
	for _, s := range chosen {
		f, faults, err := siege(ctx, o, world, s, out)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", s.name, err)
		}
		now[s.name] = f
		if len(faults) > 0 && o.record == "" {
			missed++
		}
	}
	if o.record != "" {
		return 0, now.mergeInto(o.record)
	}
	before, err := readRecord(o.before)
	if err != nil {
		return 0, err
	}
	if o.sizing != "" {
		sizes, err := measureSizes(ctx, o.binary, world)
		if err != nil {
			return 0, err
		}
		_, _ = io.WriteString(out, sizes)
		if err := marked.Replace(o.sizing, "sizing", sizes); err != nil {
			return 0, err
		}
	}
	text := table(chosen, before, now)
	_, _ = fmt.Fprintf(out, "\n%s\nTook %v.\n", text, time.Since(began).Round(time.Second))
	if o.table != "" {
		if err := marked.Replace(o.table, "siege", text); err != nil {
			return 0, err
		}
	}
	return missed, nil
}

// siege measures one shape and prints its figures, again where they may be about the machine.
func siege(ctx context.Context, o options, w *world, s shape, out io.Writer) (figures,
	[]fault, error) {
	for tries := 1; ; tries++ {
		f, err := measure(ctx, o, w, s)
		if err != nil {
			return f, nil, err
		}
		missed := s.faults(f)
		if o.outcomes {
			missed = slices.DeleteFunc(missed, func(one fault) bool { return one.timed })
		}
		_, _ = fmt.Fprintf(out, "%-20s %v\n", s.name, f)
		for _, one := range missed {
			_, _ = fmt.Fprintf(out, "%-20s missed: %v\n", "", one)
		}
		if o.record != "" || !f.again(missed, tries) {
			return f, missed, nil
		}
		_, _ = fmt.Fprintf(out, "%-20s measured again\n", "")
	}
}

// choose returns the shapes that the comma-separated names begin with, or all.
func choose(all []shape, names string) ([]shape, error) {
	if names == "" {
		return all, nil
	}
	var chosen []shape
	for name := range strings.SplitSeq(names, ",") {
		found := false
		for _, s := range all {
			if strings.HasPrefix(s.name, strings.TrimSpace(name)) {
				chosen, found = append(chosen, s), true
			}
		}
		if !found {
			return nil, fmt.Errorf("no shape is named %q: see -list", name)
		}
	}
	return chosen, nil
}
