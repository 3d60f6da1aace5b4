#!/bin/sh
# Runs the README's clients in languages other than Go, from its text, and one in a browser. Brings what they need where it may: Debian packages as root, TypeScript's
# compiler by npm into .tools.
set -eu
cd "$(dirname "$0")/.."

missing=
for need in curl:curl python3:python3 node:nodejs npm:npm chromium:chromium; do
	command -v "${need%%:*}" >/dev/null || missing="$missing ${need##*:}"
done
if [ -n "$missing" ]; then
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		echo "missing, and not to be installed from here:$missing" >&2
		exit 1
	fi
	apt-get update -qq
	# shellcheck disable=SC2086
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

typescript=.tools/readme-typescript
if ! cmp -s test/readme/typescript/package-lock.json "$typescript/package-lock.json"; then
	rm -rf "$typescript"
	mkdir -p "$typescript"
	cp test/readme/typescript/package.json test/readme/typescript/package-lock.json "$typescript/"
	(cd "$typescript" && npm ci --no-audit --no-fund --ignore-scripts >/dev/null) || {
		rm -rf "$typescript"
		exit 1
	}
fi
"${GO:-go}" test -count=1 -tags languages -timeout 5m ./test/readme
