package plot

import (
	"time"

	"gonum.org/v1/plot"
)

// timeTicks marks round times of an axis in Unix seconds.
type timeTicks struct{}

// steps are the distances between marks, each a divisor of a day or a number of days.
var steps = []time.Duration{time.Second, 5 * time.Second, 15 * time.Second, time.Minute,
	5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	24 * time.Hour, 7 * 24 * time.Hour, 28 * 24 * time.Hour}

// maxTicks is the number of marks with a name that fit an axis.
const maxTicks = 7

// Ticks implements plot.Ticker.
func (timeTicks) Ticks(from, to float64) []plot.Tick {
	step := steps[len(steps)-1]
	for _, one := range steps {
		if (to-from)/one.Seconds() <= maxTicks {
			step = one
			break
		}
	}
	for (to-from)/step.Seconds() > maxTicks {
		step *= 2
	}
	var ticks []plot.Tick
	for at := time.Unix(int64(from), 0).UTC().Truncate(step); at.Unix() <= int64(to); at = at.Add(step) {
		if float64(at.Unix()) >= from {
			ticks = append(ticks, plot.Tick{Value: float64(at.Unix()),
				Label: at.Format("2006-01-02\n15:04:05")})
		}
	}
	return ticks
}
