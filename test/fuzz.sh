#!/usr/bin/env bash
# Runs each fuzz target of the module for a time, one after the other. An input that fails is kept in the package's testdata/fuzz by go itself; where a run
# fails and none is there, it was the end of the time that Go before 1.27 takes for a failure now and then (golang/go#75804), and the target has another
# run, three at most.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-20s}
found=0
while IFS=: read -r file target; do
	found=$((found + 1))
	package=./$(dirname "$file")
	kept=$package/testdata/fuzz/$target
	before=$(ls "$kept" 2>/dev/null || true)
	for run in 1 2 3; do
		echo "== $target in $package for $time, run $run"
		if go test "$package" -run '^$' -fuzz "^$target\$" -fuzztime "$time"; then continue 2; fi
		[ "$before" = "$(ls "$kept" 2>/dev/null || true)" ]
	done
	exit 1
done < <(git ls-files '*_test.go' | xargs grep -HoE '^func Fuzz[A-Za-z0-9_]+' | sed 's/func //')
[ "$found" -gt 0 ] || { echo "no fuzz target found" >&2; exit 1; }
