package keys

import (
	"strings"
	"time"
)

// maxYear is the last year that RFC 3339 can express.
const maxYear = 9999

// The places of the parts of an instant that have a fixed length.
const (
	atDesignator = len("2026-02-16")
	atMinutes    = len("2026-02-16T12")
	atSeconds    = len("2026-02-16T12:00:")
)

// parseInstant parses an instant as RFC 3339 §5.6 defines it, with the letters in either case. A
// leap second is read as the second before it. time.Parse also accepts what the RFC does not: an
// hour of one digit, a comma before the fraction, an offset of a day or of sixty minutes. An
// instant outside the RFC's years in UTC is refused because it could not be written again, and the
// zero time because it means never.
func parseInstant(text string) (time.Time, bool) {
	if len(text) < len("2026-02-16T12:00:00Z") || strings.Contains(text, ",") ||
		text[atMinutes] != ':' {
		return time.Time{}, false
	}
	text = text[:atDesignator] + strings.Replace(text[atDesignator:], "t", "T", 1)
	if before, utc := strings.CutSuffix(text, "z"); utc {
		text = before + "Z"
	}
	leap := strings.HasPrefix(text[atSeconds:], "60")
	if leap {
		text = text[:atSeconds] + "59" + text[atSeconds+len("60"):]
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, false
	}
	if zone := text[len(text)-len("+00:00"):]; zone[5] != 'Z' &&
		(zone[1:3] > "23" || zone[4:] > "59") {
		return time.Time{}, false
	}
	at = at.UTC()
	if leap && !endsMonth(at) {
		return time.Time{}, false
	}
	return at, at.After(time.Time{}) && at.Year() <= maxYear
}

// endsMonth reports whether at is in the last second of a month, after which a leap second may be
// inserted (RFC 3339 §5.7).
func endsMonth(at time.Time) bool {
	next := at.Add(time.Second)
	return next.Day() == 1 && next.Hour() == 0 && next.Minute() == 0 && next.Second() == 0
}
