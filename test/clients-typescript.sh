#!/usr/bin/env bash
# Tests adapters/sessionclient/typescript: the cases that the clients of all languages share, in
# Node.js, in Deno and in pages of Chromium; two tabs with one storage; and the package, as npm
# publishes it. Works on a copy in .tools, which git ignores, with the npm packages of its
# package-lock.json (Deno is one of them).
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
for need in node:nodejs npm:npm chromium:chromium; do
	command -v "${need%%:*}" >/dev/null || missing+=("${need##*:}")
done
if [ ${#missing[@]} != 0 ]; then
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		echo "missing: ${missing[*]}; install them, or run this as root on Debian" >&2
		exit 1
	fi
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

package=adapters/sessionclient/typescript
home=.tools/sessionclient-typescript
# The copy of the lock is written last, so that an incomplete installation is repeated.
if ! cmp -s "$package/package-lock.json" "$home/installed.json"; then
	rm -rf "$home"
	mkdir -p "$home"
	cp "$package/package.json" "$package/package-lock.json" "$home/"
	(cd "$home" && npm ci --silent --no-audit --no-fund --ignore-scripts)
	cp "$package/package-lock.json" "$home/installed.json"
fi
rm -rf "$home/src" "$home/test" "$home/built" "$home/dist"
cp -r "$package/." "$home/"

"${GO:-go}" build -o "$home/world" ./test/appworld/serve
export SESSIONCLIENT_WORLD=$PWD/$home/world SESSIONCLIENT_CASES=$PWD/adapters/sessionclient/testdata/cases.json
cd "$home"
node_modules/.bin/tsc --outDir built
node --test --test-reporter=dot test/*.test.mjs
NO_COLOR=1 node_modules/.bin/deno check --quiet src/index.ts
NO_COLOR=1 node_modules/.bin/deno test --quiet --reporter=dot --allow-all --no-lock test/cases.test.mjs
