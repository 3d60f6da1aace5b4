#!/usr/bin/env bash
# Makes TypeScript types of the API's description (openapi-typescript), compiles a client's loop in them strictly, and runs it against the real binary.
# Needs node 20 and npm, which brings the packages that package-lock.json pins.
set -euo pipefail
cd "$(dirname "$0")/.."

for tool in node npm; do
	command -v "$tool" >/dev/null || { echo "$tool is missing: the TypeScript client cannot be tested; install Node.js 20" >&2; exit 1; }
done

work=$(mktemp -d)
service=
finish() {
	if [ -n "$service" ]; then kill "$service" 2>/dev/null || true; wait "$service" 2>/dev/null || true; fi
	rm -rf "$work"
}
trap finish EXIT

(
	cd test/clients/typescript
	npm ci --silent --no-audit --no-fund
	npx openapi-typescript ../../../adapters/http/api/openapi.json --output api.ts 2>&1 | tee "$work/types.log"
	npx tsc
)
if grep -qi 'warn' "$work/types.log"; then exit 1; fi

. test/service.sh
serve OFFLOAD_SESSION_TTL_SECONDS=2 OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP=3
node test/clients/typescript/built/loop.js "http://$address"
