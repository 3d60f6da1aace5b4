set -u
. ./client.sh
while read -r line; do
	if [ "$line" = forget ]; then
		: >"$state/bearer"
		echo forgotten
	else
		call /v1/sessions/current >/dev/null
		echo "$status"
	fi
done
