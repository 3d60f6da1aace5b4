// Command scale computes from the measured figures what a service for very many installations would
// take, and writes it as a table. Run it by make bench, after command compare.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/offload/sessiond/test/bench/rig"
	"github.com/offload/sessiond/test/marked"
)

func main() {
	flags := flag.NewFlagSet("scale", flag.ExitOnError)
	results := flags.String("results", "results.json", "file that holds the results")
	page := flags.String("page", "", "Markdown file that gets the table")
	_ = flags.Parse(os.Args[1:]) // exits if it fails
	if err := run(*results, *page, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

func run(file, page string, out io.Writer) error {
	results, err := rig.ReadResults(file)
	if err != nil {
		return err
	}
	m, err := measuredIn(results)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	text := table(m)
	_, _ = io.WriteString(out, text)
	if page == "" {
		return nil
	}
	return marked.Replace(page, "scale", text)
}
