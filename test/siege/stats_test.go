package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// every returns requests that were due every 10 ms from an instant, with these waits.
func every(from time.Time, waits ...time.Duration) samples {
	var s samples
	for i, wait := range waits {
		s = append(s, sample{due: from.Add(time.Duration(i) * 10 * time.Millisecond), wait: wait,
			done: true})
	}
	return s
}

// waits returns count equal waits.
func waits(count int, wait time.Duration) []time.Duration {
	all := make([]time.Duration, count)
	for i := range all {
		all[i] = wait
	}
	return all
}

func TestPercentile(t *testing.T) {
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(100-i)*time.Millisecond)
	}
	s := every(noon, hundred...)
	assert.Equal(t, 99*time.Millisecond, s.percentile(99))
	assert.Equal(t, 50*time.Millisecond, s.percentile(50))
	assert.Equal(t, 100*time.Millisecond, s.percentile(100))
	assert.Equal(t, time.Millisecond, s.percentile(1))
	assert.Equal(t, 3*time.Millisecond, every(noon, 1e6, 2e6, 3e6).percentile(67), "rounded up")
	assert.Zero(t, samples{}.percentile(99))
	assert.Equal(t, 7*time.Millisecond, every(noon, 7*time.Millisecond).percentile(99))
}

func TestPercentileCountsAFailureAsTheWholeTimeout(t *testing.T) {
	s := every(noon, waits(100, time.Millisecond)...)
	s[0].failed = true
	assert.Equal(t, time.Millisecond, s.percentile(99), "one in a hundred")
	s[1].failed = true
	assert.Equal(t, patience, s.percentile(99), "two in a hundred")
	assert.Equal(t, 2, s.failures())
	s[1].failed, s[1].done = false, false
	assert.Equal(t, patience, s.percentile(99), "no response yet")
	assert.Equal(t, 1, s.failures())
}

func TestLatenessLeavesOutWaits(t *testing.T) {
	s := every(noon, waits(10, time.Second)...)
	s[3].late = 30 * time.Millisecond
	assert.Equal(t, 30*time.Millisecond, s.lateness(99))
	assert.Zero(t, s.lateness(50))
}

func TestBetween(t *testing.T) {
	s := every(noon, waits(10, time.Millisecond)...)
	in := s.between(noon.Add(20*time.Millisecond), noon.Add(50*time.Millisecond))
	assert.Equal(t, s[2:5], in)
	assert.Empty(t, s.between(noon.Add(-time.Second), noon))
	assert.Empty(t, s.between(noon.Add(time.Second), noon))
	assert.Len(t, s.between(noon.Add(-time.Hour), noon.Add(time.Hour)), 10)
}

func TestCalmFrom(t *testing.T) {
	const bound = 20 * time.Millisecond
	perWindow := int(window / (10 * time.Millisecond))
	s := every(noon, append(waits(perWindow, time.Second),
		waits(2*perWindow, time.Millisecond)...)...)

	calm, found := s.calmFrom(noon, noon.Add(3*window), bound)
	assert.True(t, found)
	assert.Equal(t, noon.Add(window), calm, "the first window is slow")

	_, found = s.calmFrom(noon, noon.Add(2*window-1), bound)
	assert.False(t, found, "the second window is not over")

	s[perWindow-1].done = false
	_, found = s.calmFrom(noon, noon.Add(3*window), bound)
	assert.False(t, found, "a request of the first window may yet fail or succeed")

	_, found = samples{}.calmFrom(noon, noon.Add(3*window), bound)
	assert.False(t, found, "nothing was served")
}
