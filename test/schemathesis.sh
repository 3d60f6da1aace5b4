#!/usr/bin/env bash
# Sends the built binary thousands of requests that the API description allows, and thousands that
# it does not, with schemathesis, and fails if a response violates the description. Installs
# schemathesis into .tools; needs python3 with venv.
set -euo pipefail
cd "$(dirname "$0")/.."

pins=test/schemathesis.txt
venv=.tools/schemathesis
# The copy of the pins is written last, so that an incomplete environment is created again.
if ! cmp -s "$pins" "$venv/pins.txt"; then
	command -v python3 >/dev/null || { echo "python3 not found: install Python 3 with venv to run schemathesis" >&2; exit 1; }
	rm -rf "$venv"
	python3 -m venv "$venv"
	"$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes --only-binary :all: --requirement "$pins"
	cp "$pins" "$venv/pins.txt"
fi

work=$(mktemp -d)
service=
finish() {
	if [ -n "$service" ]; then kill "$service" 2>/dev/null || true; wait "$service" 2>/dev/null || true; fi
	rm -rf "$work"
}
trap finish EXIT

. test/service.sh
"${GO:-go}" run ./cmd/sessiond keys create --keyset "$work/keyset.json" --alg EdDSA >"$work/keys.log"
"${GO:-go}" run ./cmd/sessiond keys create --keyset "$work/keyset.json" --alg ES256 >>"$work/keys.log"
issuer=https://sessions.example.com
serve OFFLOAD_SESSION_KEYSET_FILE="$work/keyset.json" OFFLOAD_PUBLIC_ORIGINS=$issuer \
	OFFLOAD_SESSION_TOKEN_ISSUER=$issuer OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP=10000 \
	OFFLOAD_SESSION_ISSUE_LIMIT_PER_NETWORK=0 OFFLOAD_SESSION_RENEWAL_LIMIT_PER_INSTALL=10000 \
	OFFLOAD_SESSION_ISSUE_LIMIT_PER_INSTALL=10000 OFFLOAD_SESSION_ISSUE_LIMIT_WINDOW_SECONDS=1
token=$(curl --silent --fail --header 'Content-Type: application/json' \
	--data '{"install_id":"install-12345","app_version":"1.0","platform":"ios"}' "http://$address/v1/sessions/anonymous" |
	sed 's/.*"session_token":"\([^"]*\)".*/\1/')

(cd "$work" && "$OLDPWD/$venv/bin/schemathesis" --config-file "$OLDPWD/test/schemathesis.toml" run "http://$address/openapi.json" \
	--checks all --workers 2 --header "Authorization: Bearer $token" --no-color "$@")
if grep -q '"event":"panic_recovered"' "$work/service.log"; then
	echo "the service panicked:" >&2
	grep '"event":"panic_recovered"' "$work/service.log" >&2
	exit 1
fi
