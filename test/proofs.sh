#!/usr/bin/env bash
# Has proofs of device keys (DPoP) that other libraries make judged by the real binary, and proofs of
# our session client by another library: npm's dpop and oauth4webapi, and requests-oauth2client from PyPI. They are
# pinned and hashed in test/peers/proofs, and installed into .tools. Needs Node.js 20 and what
# test/python.sh needs.
set -euo pipefail
cd "$(dirname "$0")/.."

for tool in node npm python3; do
	command -v "$tool" >/dev/null || { echo "$tool is not installed: install Node.js 20 and Python 3 to test proofs" >&2; exit 1; }
done

peers=test/peers/proofs
home=$PWD/.tools/proofs
# The copies of the pins are written last, so that an incomplete installation is repeated.
if ! cmp -s "$peers/package-lock.json" "$home/package-lock.installed"; then
	mkdir -p "$home"
	cp "$peers/package.json" "$peers/package-lock.json" "$home/"
	(cd "$home" && npm ci --silent --no-audit --no-fund --ignore-scripts)
	cp "$peers/package-lock.json" "$home/package-lock.installed"
fi
python=$home/python/bin/python
if ! cmp -s "$peers/requirements.txt" "$home/python/pins.txt" || [ "$("$python" -V 2>&1)" != "$(python3 -V 2>&1)" ]; then
	rm -rf "$home/python"
	python3 -m venv "$home/python"
	"$python" -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
		--requirement "$peers/requirements.txt"
	cp "$peers/requirements.txt" "$home/python/pins.txt"
fi

work=$(mktemp -d)
service=
finish() {
	if [ -n "$service" ]; then kill "$service" 2>/dev/null || true; wait "$service" 2>/dev/null || true; fi
	rm -rf "$work"
}
trap finish EXIT

. test/service.sh
serve OFFLOAD_SESSION_BINDING=accept
cp "$peers/proofs.mjs" "$home/"
node "$home/proofs.mjs" "http://$address"
"${GO:-go}" -C test/peers run ./proofs/ours "http://$address" >"$work/ours"
PYTHONDONTWRITEBYTECODE=1 "$python" "$peers/proofs.py" "http://$address" <"$work/ours"
