package console

import (
	"fmt"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"
)

// duration returns d for people, in its two largest units.
func duration(d time.Duration) string {
	d = d.Abs().Round(time.Second)
	const day = 24 * time.Hour
	two := func(large int64, unit string, small int64, smallUnit string) string {
		if small == 0 {
			return fmt.Sprintf("%d %s", large, unit)
		}
		return fmt.Sprintf("%d %s %d %s", large, unit, small, smallUnit)
	}
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < 10*time.Minute:
		return two(int64(d/time.Minute), "min", int64(d%time.Minute/time.Second), "s")
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < day:
		return two(int64(d/time.Hour), "h", int64(d%time.Hour/time.Minute), "min")
	case d < 10*day:
		return two(int64(d/day), "d", int64(d%day/time.Hour), "h")
	}
	return fmt.Sprintf("%d d", d/day)
}

// clock returns an instant for people: without the date if at is on the same day as now.
func clock(now, at time.Time) string {
	now, at = now.UTC(), at.UTC()
	switch {
	case at.Format(time.DateOnly) == now.Format(time.DateOnly):
		return at.Format(time.TimeOnly)
	case at.Year() == now.Year():
		return at.Format("2 Jan 15:04")
	}
	return at.Format("2 Jan 2006")
}

// when returns an instant with its distance from now.
func when(now, at time.Time) string {
	if at.After(now) {
		return clock(now, at) + " (in " + duration(at.Sub(now)) + ")"
	}
	return clock(now, at) + " (" + duration(now.Sub(at)) + " ago)"
}

// since returns an instant of the past with its age, which may differ from the distance to now if
// the wall clock was set.
func since(now, at time.Time, age time.Duration) string {
	return clock(now, at) + " (" + duration(age) + " ago)"
}

// plural returns n and the noun thing, in the plural unless n is 1.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return grouped(n) + " " + thing + "s"
}

// grouped returns n with a thin space between groups of three digits.
func grouped(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "\u202f" + digits[i:]
	}
	return digits
}

// capital returns a sentence with its first letter in upper case.
func capital(sentence string) string {
	first, size := utf8.DecodeRuneInString(sentence)
	return string(unicode.ToUpper(first)) + sentence[size:]
}
