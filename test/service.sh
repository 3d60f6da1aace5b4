# To be sourced by other scripts: serve [NAME=VALUE …] builds the binary into $work, starts it with
# that environment, and sets $service to its process and $address to its listen address. The
# sourcing script stops $service and removes $work.
serve() {
	"${GO:-go}" build -o "$work/sessiond" ./cmd/sessiond
	: >"$work/service.log" # the service's shell may create it later than it is read
	env OFFLOAD_HTTP_ADDR=127.0.0.1:0 OFFLOAD_OPS_ADDR= "$@" "$work/sessiond" 2>"$work/service.log" &
	service=$!
	for _ in $(seq 1800); do
		address=$(sed -n 's/.*"event":"service_started".*"public":"\([^"]*\)".*/\1/p' "$work/service.log")
		if [ -n "$address" ]; then return; fi
		kill -0 "$service" 2>/dev/null || break
		sleep 0.1
	done
	echo "the service did not start:" >&2
	cat "$work/service.log" >&2
	return 1
}
