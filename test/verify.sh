#!/usr/bin/env bash
# Fails where generated code, or a go.mod, is not what it would be made now. Changes nothing that was right.
set -euo pipefail
cd "$(dirname "$0")/.."

modules=(. test/peers test/storage test/faults)

fingerprint() {
	find ports -name '*.go' -path '*mock*' -print0 | sort -z | xargs -0r sha256sum
	for module in "${modules[@]}"; do sha256sum "$module/go.mod" "$module/go.sum"; done
}

before=$(fingerprint)
go generate ./...
for module in "${modules[@]}"; do (cd "$module" && go mod tidy); done
after=$(fingerprint)
if [ "$before" != "$after" ]; then
	echo "generated code or a go.mod was not up to date; it is now: commit it" >&2
	diff <(echo "$before") <(echo "$after") >&2 || true
	exit 1
fi
unformatted=$(gofmt -l $(git ls-files '*.go'))
if [ -n "$unformatted" ]; then
	echo "gofmt would change: $unformatted" >&2
	exit 1
fi
