package cli

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// progressEvery is how often a progress bar is drawn.
const progressEvery = 200 * time.Millisecond

// The widths of a terminal that does not say its own, and of the longest and the shortest bar.
const (
	defaultColumns          = 80
	longestBar, shortestBar = 30, 5
)

// progress draws a bar with the rate and the time left. It uses spaces and returns alone, so that
// any terminal shows it.
type progress struct {
	to            io.Writer
	started, last time.Time
	drawn         int // how many columns are in use
}

// newProgress returns a bar on a terminal; nil if to is none.
func newProgress(to io.Writer) *progress {
	if !isTerminal(to) {
		return nil
	}
	return &progress{to: to, started: time.Now()}
}

// show draws the bar, unless it was drawn a moment ago. total is 0 if it is not known.
func (p *progress) show(read, total int64) {
	now := time.Now()
	if now.Sub(p.last) < progressEvery {
		return
	}
	p.last = now
	columns, _ := columnsOf(p.to)
	if columns == 0 {
		columns = defaultColumns
	}
	columns-- // a terminal may wrap at the last one
	p.draw(progressLine(read, total, now.Sub(p.started), columns))
}

// progressLine returns what a bar says, in at most so many columns.
func progressLine(read, total int64, elapsed time.Duration, columns int) string {
	const mega = 1e6
	rate := float64(read) / max(elapsed.Seconds(), 0.001)
	if total <= 0 {
		return cut(fmt.Sprintf("%.0f MB read, %.0f MB/s", float64(read)/mega, rate/mega), columns)
	}
	share := min(float64(read)/float64(total), 1)
	left := time.Duration(float64(max(total-read, 0)) / max(rate, 1) * float64(time.Second))
	line := fmt.Sprintf("%3.0f %%  %.0f MB/s  %s left", 100*share, rate/mega,
		left.Round(time.Second))
	if width := min(longestBar, columns-len(line)-len("[] ")); width >= shortestBar {
		full := int(share * float64(width))
		line = "[" + strings.Repeat("#", full) + strings.Repeat(".", width-full) + "] " + line
	}
	return cut(line, columns)
}

func cut(line string, columns int) string { return line[:max(0, min(len(line), columns))] }

// draw replaces the line by another.
func (p *progress) draw(line string) {
	_, _ = fmt.Fprintf(p.to, "\r%-*s", p.drawn, line)
	p.drawn = len(line)
}

// clear removes the bar.
func (p *progress) clear() {
	if p.drawn > 0 {
		p.draw("")
		_, _ = io.WriteString(p.to, "\r")
		p.drawn = 0
	}
}
