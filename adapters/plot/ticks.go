package plot

import (
	"math"
	"strconv"
	"time"
)

// tick marks a value of an axis. Its name may have several lines.
type tick struct {
	value float64
	name  string
}

// maxTicks is the number of marks with a name that fit an axis.
const maxTicks = 7

// steps are the distances between ticks, each a divisor of a day or a number of days.
var steps = []time.Duration{time.Second, 5 * time.Second, 15 * time.Second, time.Minute,
	5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	24 * time.Hour, 7 * 24 * time.Hour, 28 * 24 * time.Hour}

// timeTicks returns ticks at round times of an axis in Unix seconds.
func timeTicks(from, to float64) []tick {
	step := steps[len(steps)-1]
	for _, candidate := range steps {
		if (to-from)/candidate.Seconds() <= maxTicks {
			step = candidate
			break
		}
	}
	for (to-from)/step.Seconds() > maxTicks {
		step *= 2
	}
	var ticks []tick
	for at := time.Unix(int64(from), 0).UTC().Truncate(step); at.Unix() <= int64(to); at = at.Add(step) {
		if float64(at.Unix()) >= from {
			ticks = append(ticks, tick{float64(at.Unix()), at.Format("2006-01-02\n15:04:05")})
		}
	}
	return ticks
}

// numberTicks returns ticks at round numbers of an axis: multiples of 1, 2 or 5 times a power of
// ten.
func numberTicks(from, to float64) []tick {
	exponent := int(math.Floor(math.Log10((to - from) / maxTicks)))
	step := math.Pow10(exponent)
	for _, factor := range []float64{1, 2, 5, 10} {
		if (to-from)/(factor*step) <= maxTicks {
			step *= factor
			break
		}
	}
	var ticks []tick
	for i := math.Ceil(from / step); i*step <= to; i++ {
		ticks = append(ticks,
			tick{i * step, strconv.FormatFloat(i*step, 'f', max(0, -exponent), 64)})
	}
	return ticks
}
