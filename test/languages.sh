#!/bin/sh
# Runs the clients of cmd/sessiond/docs/clients.md that are not in Go, with what test/python.sh and
# test/clients-typescript.sh have installed, and pages of other origins in a browser.
set -eu
cd "$(dirname "$0")/.."
"${GO:-go}" test -count=1 -tags languages -timeout 5m -run Program ./test/snippets
"${GO:-go}" test -count=1 -tags languages -timeout 5m -run Browser ./test/e2e/wire ./test/proxies
