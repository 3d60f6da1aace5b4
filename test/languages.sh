#!/bin/sh
# Runs the clients of cmd/sessiond/docs/clients.md that are not in Go, and one in a browser, from the
# text of that page; and a page of another origin behind each proxy. Installs what they need: Debian
# packages if run as root, and the TypeScript compiler into .tools with npm.
set -eu
cd "$(dirname "$0")/.."

missing=
for need in curl:curl python3:python3 node:nodejs npm:npm chromium:chromium; do
	command -v "${need%%:*}" >/dev/null || missing="$missing ${need##*:}"
done
if [ -n "$missing" ]; then
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		echo "not installed, and not installable without root and apt-get:$missing" >&2
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
"${GO:-go}" test -count=1 -tags languages -timeout 5m -run '^TestBrowser' ./test/proxies
