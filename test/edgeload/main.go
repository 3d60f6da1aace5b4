// Edgeload measures how the built service copes with many clients: ten thousand idle connections
// and five hundred slow clients, and after them a flood, in which a few clients send many pipelined
// requests without pause. During all of it, other clients send requests at a steady rate. It prints
// the latency of those clients without load, with the crowd and with the flood, how much memory the
// crowd took and whether it was released, and whether the slow clients were disconnected in time.
//
// It asserts nothing, because the figures include other work of the machine. make edge-load runs
// it, within 90 seconds. It imports the standard library.
package main

import (
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"
)

// These are the phases. The crowd stays long enough for the longest deadline to pass: that of a
// client that does not read, which is the read limit and ten seconds.
const (
	calmFor  = 9 * time.Second
	crowdFor = 27 * time.Second
	floodFor = 6 * time.Second
	settle   = 3 * time.Second
	idle     = 10_000
	// rate is how many requests the steady clients send per second, whatever the latency.
	rate = 400
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: edgeload BINARY")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "edgeload:", err)
		os.Exit(1)
	}
}

// run measures the binary and writes the table.
func run(binary string, out io.Writer) error {
	if err := raiseOpenFiles(idle + 2000); err != nil {
		return err
	}
	service, err := start(binary)
	if err != nil {
		return err
	}
	defer service.stop()

	others, err := newOthers(service.public)
	if err != nil {
		return err
	}
	_ = others.ask(settle) // excludes what is slow only at first
	before := service.memory()
	calm := others.ask(calmFor)

	began := time.Now()
	held, err := holdIdle(service.public, idle)
	if err != nil {
		return err
	}
	gathered := time.Since(began)
	withIdle := service.memory()
	slow := beginSlow(service.public)
	crowded := others.ask(crowdFor)
	withAll := service.memory()
	slow.end()
	lost := held.leave()
	_ = others.ask(settle)
	calm = calm.and(others.ask(calmFor))
	others.hurry(settle) // creates enough garbage for the crowd's memory to be collected
	after := service.memory()
	flood := beginFlood(service.public)
	flooded := others.ask(floodFor)
	flood.end()

	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(format string, values ...any) {
		_, _ = fmt.Fprintf(table, format+"\t\n", values...)
	}
	line("others\tasked\tfailed\tp50\tp99\tmax\tp99 to calm")
	for _, row := range []struct {
		name string
		felt felt
	}{{"calm", calm}, {"in the crowd", crowded}, {"in a flood", flooded}} {
		line("%s\t%d\t%d\t%v\t%v\t%v\t%.1f", row.name, len(row.felt.waits), row.felt.failed,
			row.felt.at(0.5), row.felt.at(0.99), row.felt.at(1),
			float64(row.felt.at(0.99))/float64(calm.at(0.99)))
	}
	line("")
	line("memory\tresident\theap in use\tstacks\tgoroutines\tof them a connection")
	for _, row := range []struct {
		name        string
		memory      memory
		connections int
	}{{"before", before, 0}, {"with the idle", withIdle, idle},
		{"with all, at their end", withAll, idle + slow.clients()}, {"after", after, 0}} {
		each := ""
		if row.connections > 0 {
			each = fmt.Sprintf("%.1f KiB", float64(
				row.memory.resident-before.resident)/1024/float64(row.connections))
		}
		line("%s\t%s\t%s\t%s\t%d\t%s", row.name, mebibytes(row.memory.resident),
			mebibytes(row.memory.heap), mebibytes(row.memory.stacks), row.memory.goroutines, each)
	}
	line("")
	line("slow\tclients\tlet go\tlate\tlatest\tdeadline")
	for _, kind := range slow.kinds {
		line("%s\t%d\t%d\t%d\t%v\t%v", kind.name, kind.clients, kind.letGo, kind.late,
			kind.latest.Round(10*time.Millisecond), kind.deadline)
	}
	line("")
	line("idle: %d, gathered in %v, %d of them lost", idle, gathered.Round(time.Millisecond), lost)
	return table.Flush()
}

func mebibytes(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }
