#!/usr/bin/env bash
# Generates TypeScript types from the API description (openapi-typescript), compiles a client with
# them in strict mode, and runs it against the real binary. Needs Node.js 20 and npm, which installs
# the packages that package-lock.json pins.
set -euo pipefail
cd "$(dirname "$0")/.."

for tool in node npm; do
	command -v "$tool" >/dev/null || { echo "$tool is not installed: install Node.js 20 to test the TypeScript client" >&2; exit 1; }
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
# Long enough that the client's first checks come before the session expires, on a slow machine too.
serve OFFLOAD_SESSION_TTL_SECONDS=20 OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP=3
node test/clients/typescript/built/loop.js "http://$address"
