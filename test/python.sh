#!/usr/bin/env bash
# Runs the tests of the packages in Python, with one environment of pinned and hashed wheels that git
# ignores. PYTHON selects another interpreter.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
pins=adapters/sessionauth/python/requirements-test.txt
home=.tools/python

# Debian has venv in a separate package.
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
	if [ "$python" != python3 ] || ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
		echo "$python with venv is not installed: install it (Debian: apt-get install python3 python3-venv)" >&2
		exit 1
	fi
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3 python3-venv >/dev/null
fi

# The copy of the pins is written last, so that an incomplete environment is created again. So is an
# environment of another interpreter.
if ! cmp -s "$pins" "$home/pins.txt" || [ "$("$home/bin/python" -V 2>&1)" != "$("$python" -V 2>&1)" ]; then
	rm -rf "$home"
	"$python" -m venv "$home"
	"$home/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
		--requirement "$pins"
	cp "$pins" "$home/pins.txt"
fi

export PYTHONDONTWRITEBYTECODE=1
for package in adapters/sessionauth/python adapters/sessionclient/python; do
	(cd "$package" && "$OLDPWD/$home/bin/python" -m mypy --strict --cache-dir "$OLDPWD/$home/mypy" .)
	# Each has a conftest.py of its own, so they run one after the other.
	"$home/bin/python" -W error -m pytest -q -W error -p no:cacheprovider "$package" "$@"
done
