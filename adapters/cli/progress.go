package cli

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// progressEvery is how often a progress bar is drawn.
const progressEvery = 200 * time.Millisecond

// The width of a terminal that reports none, and the widths of the longest and the shortest bar.
const (
	defaultColumns          = 80
	longestBar, shortestBar = 30, 5
)

// progress draws a bar with the rate and the time left. It moves the cursor only by carriage
// returns and overwrites with spaces, which any terminal supports.
type progress struct {
	to            io.Writer
	started, last time.Time
	drawn         int // how many columns are in use
}

// newProgress returns a bar that is drawn on to, or nil if to is not a terminal.
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

// progressLine returns the bar and its figures in at most the given number of columns. There is no
// rate in the first moment, and no bar if total is not known.
func progressLine(read, total int64, elapsed time.Duration, columns int) string {
	const mega = 1e6
	rate, pace := 0.0, ""
	if elapsed >= progressEvery {
		rate = float64(read) / elapsed.Seconds()
		pace = fmt.Sprintf("  %.0f MB/s", rate/mega)
	}
	if total <= 0 {
		return cut(fmt.Sprintf("%.0f MB read%s", float64(read)/mega, pace), columns)
	}
	share := min(float64(read)/float64(total), 1)
	line := fmt.Sprintf("%3.0f %%%s", 100*share, pace)
	if rate > 0 {
		const most = 100*3600 - 1
		left := min(float64(max(total-read, 0))/rate, most)
		line += fmt.Sprintf("  %s left", time.Duration(left+0.5)*time.Second)
	}
	if width := min(longestBar, columns-len(line)-len("[] ")); width >= shortestBar {
		full := int(share * float64(width))
		line = "[" + strings.Repeat("#", full) + strings.Repeat(".", width-full) + "] " + line
	}
	return cut(line, columns)
}

// cut returns the part of an ASCII line that fits the columns.
func cut(line string, columns int) string { return line[:max(0, min(len(line), columns))] }

// draw overwrites the current line of the terminal.
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
