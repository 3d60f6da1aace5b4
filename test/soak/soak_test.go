package soak_test

import (
	"flag"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/marked"
)

var (
	duration = flag.Duration("duration", time.Minute, "how long the run takes")
	rate     = flag.Int("rate", 100, "how many requests are sent per second")
	page     = flag.String("page", "", "Markdown file that gets the tables")
	picture  = flag.String("plot", "", "SVG file that gets the plot")
)

// wholeRun is the shortest run in which what the replicas take is compared: a shorter one shows
// what a process takes at its start.
const wholeRun = 10 * time.Minute

// deadline is how long a test waits for anything before it counts as a hang.
const deadline = 60 * time.Second

// part returns a part of the run.
func part(of float64) time.Duration { return time.Duration(of * float64(*duration)) }

// happened is a fault that was injected, from its beginning to the outcome that it waits for.
type happened struct {
	fault
	span
}

func TestSoak(t *testing.T) {
	before := loadAverage()
	w := newWorld(t)
	l := startLoad(t, w, *rate)
	r := startReadings(t, w)
	var all []happened
	for _, f := range faults {
		time.Sleep(time.Until(l.began.Add(part(f.at))))
		t.Logf("%v: %s", time.Since(l.began).Round(time.Second), f.name)
		began := time.Now()
		f.do(t, w, l)
		all = append(all, happened{f, span{began, time.Now()}})
	}
	time.Sleep(time.Until(l.began.Add(*duration)))
	l.stop(t)
	r.stop(t)
	result := summarize(w, l, r, all)
	result.loads = before + " at the beginning and " + loadAverage() + " at the end"
	t.Log("\n" + result.text())

	result.requireServed(t)
	result.requirePromise(t)
	result.requireSilent(t)
	if *duration >= wholeRun {
		result.requireFlat(t)
	}
	for _, replica := range w.replicas {
		assert.False(t, replica.process().over(), "a replica ended: %s", replica.process().lastLine())
	}
	if t.Failed() {
		return
	}
	if *picture != "" {
		require.NoError(t, result.draw(*picture))
	}
	if *page != "" {
		require.NoError(t, marked.Replace(*page, "soak", result.text()))
	}
}

// loadAverage returns what Linux says about how many processes wanted to run in the last minute.
func loadAverage() string {
	text, _ := os.ReadFile("/proc/loadavg")
	for i, c := range text {
		if c == ' ' {
			return string(text[:i])
		}
	}
	return "?"
}
