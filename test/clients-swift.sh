#!/usr/bin/env bash
# Checks the syntax of the Swift client with a parser from PyPI: there is no Swift compiler for this
# machine.
set -euo pipefail
cd "$(dirname "$0")/.."
pins=test/swift/requirements.txt
home=.tools/swift

command -v python3 >/dev/null || { echo "python3 is not installed: install Python 3 with venv to parse Swift" >&2; exit 1; }

# The copy of the pins is written last, so that an incomplete environment is created again.
if ! cmp -s "$pins" "$home/pins.txt"; then
	rm -rf "$home"
	python3 -m venv "$home"
	"$home/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$pins"
	cp "$pins" "$home/pins.txt"
fi
"$home/bin/python" -B test/swift/parse.py adapters/sessionclient/swift
