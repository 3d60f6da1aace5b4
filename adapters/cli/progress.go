package cli

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// progressEvery is how often a progress bar is drawn.
const progressEvery = 200 * time.Millisecond

// progress draws a bar with the rate and the time left.
type progress struct {
	to            io.Writer
	now           func() time.Time
	started, last time.Time
	drawn         bool
}

// newProgress returns a bar on a terminal; nil if to is none.
func newProgress(to io.Writer) *progress {
	if !isTerminal(to) {
		return nil
	}
	return &progress{to: to, now: time.Now, started: time.Now()}
}

// show draws the bar, unless it was drawn a moment ago. total is 0 if it is not known.
func (p *progress) show(read, total int64) {
	now := p.now()
	if now.Sub(p.last) < progressEvery {
		return
	}
	p.last, p.drawn = now, true
	rate := float64(read) / max(now.Sub(p.started).Seconds(), 0.001)
	const width, mega = 30, 1e6
	if total <= 0 {
		_, _ = fmt.Fprintf(p.to, "\r%.0f MB read, %.0f MB/s \x1b[K", float64(read)/mega, rate/mega)
		return
	}
	share := min(float64(read)/float64(total), 1)
	full := int(share * width)
	left := time.Duration(float64(total-read) / max(rate, 1) * float64(time.Second))
	_, _ = fmt.Fprintf(p.to, "\r[%s%s] %3.0f %%  %.0f MB/s  %s left \x1b[K",
		strings.Repeat("#", full), strings.Repeat(".", width-full), 100*share, rate/mega,
		max(left, 0).Round(time.Second))
}

// clear removes the bar.
func (p *progress) clear() {
	if p.drawn {
		_, _ = io.WriteString(p.to, "\r\x1b[K")
	}
}
