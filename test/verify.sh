#!/usr/bin/env bash
# Fails if generated code is out of date, if the go.mod of this module or of a module given as
# argument is not tidy, or if a Go file is not formatted. What is out of date is brought up to date.
set -euo pipefail
cd "$(dirname "$0")/.."

modules=(. "$@")

fingerprint() {
	find ports -name '*.go' -path '*mock*' -print0 | sort -z | xargs -0r sha256sum
	find test/clients -name '*.gen.go' -print0 | sort -z | xargs -0r sha256sum
	for module in "${modules[@]}"; do sha256sum "$module/go.mod" "$module/go.sum"; done
}

before=$(fingerprint)
"${GO:-go}" generate ./...
(cd test/clients && "${GO:-go}" generate ./...)
for module in "${modules[@]}"; do (cd "$module" && "${GO:-go}" mod tidy); done
after=$(fingerprint)
if [ "$before" != "$after" ]; then
	echo "generated code or a go.mod was out of date and has been updated: commit the changes" >&2
	diff <(echo "$before") <(echo "$after") >&2 || true
	exit 1
fi
unformatted=$(gofmt -l $(git ls-files '*.go'))
if [ -n "$unformatted" ]; then
	echo "not formatted; run gofmt -w on: $unformatted" >&2
	exit 1
fi
