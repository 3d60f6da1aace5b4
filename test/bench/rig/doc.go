// Package rig measures contestants beside each other and keeps what it found as ratios.
//
// The times of one machine say little about another, and on a busy machine little about the next
// minute. So all contestants of a comparison take turns, round by round, and a ratio compares two
// of them in the same round; the figure is the median over all rounds. A Row is one such figure
// with its goals, Results are all rows, in JSON and as a Markdown table.
package rig
