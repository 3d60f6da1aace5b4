#!/bin/sh
# Runs the clients of cmd/sessiond/docs/clients.md that are not in Go, with what test/python.sh and
# test/clients-typescript.sh have installed; pages of other origins in a browser; the operators'
# console in a browser, judged by axe-core, which npm installs into .tools; and the steps of
# cmd/sessiond/docs/cutover.md. The console's pictures go to .build/console, the transcript of the
# steps to .build/cutover.
set -eu
cd "$(dirname "$0")/.."

axe=test/e2e/console/axe
if ! cmp -s "$axe/package-lock.json" .tools/console-axe/package-lock.json; then
	rm -rf .tools/console-axe
	mkdir -p .tools/console-axe
	cp "$axe/package.json" "$axe/package-lock.json" .tools/console-axe/
	(cd .tools/console-axe && npm ci --silent --no-audit --no-fund --ignore-scripts) || {
		rm -rf .tools/console-axe
		exit 1
	}
fi

"${GO:-go}" test -count=1 -tags languages -timeout 5m -run "Program|Types" ./test/snippets
"${GO:-go}" test -count=1 -tags languages -timeout 5m -run Browser ./test/e2e/wire ./test/proxies ./test/e2e/console
"${GO:-go}" test -count=1 -tags languages -timeout 5m ./test/e2e/cutover
