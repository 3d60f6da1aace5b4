#!/usr/bin/env bash
# Runs each fuzz target of the module in turn, for the time given as argument. go keeps a failing
# input in the package's testdata/fuzz. A run that fails without one has hit golang/go#75804: Go
# before 1.27 sometimes reports the end of the fuzz time as a failure. The target is then run again,
# at most three times in all.
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
		if "${GO:-go}" test "$package" -run '^$' -fuzz "^$target\$" -fuzztime "$time"; then continue 2; fi
		if [ "$before" != "$(ls "$kept" 2>/dev/null || true)" ]; then
			echo "$target failed: fix what it found, and commit its input in $kept" >&2
			exit 1
		fi
	done
	echo "$target failed three times without a failing input: read its output above" >&2
	exit 1
done < <(git ls-files '*_test.go' | xargs grep -HoE '^func Fuzz[A-Za-z0-9_]+' | sed 's/func //')
[ "$found" -gt 0 ] || { echo "no fuzz target found" >&2; exit 1; }
