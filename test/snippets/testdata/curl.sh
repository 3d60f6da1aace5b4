# Reads one command per line and writes one line for each.
set -u
. "$CLIENT"
while read -r line; do
	if [ "$line" = forget ]; then
		: >"$state/bearer"
		echo forgotten
	elif call /v1/sessions/current >/dev/null; then
		echo "$status"
	else
		echo "failed: $status"
	fi
done
