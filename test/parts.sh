#!/bin/sh
# Brings the servers that tests start and that are not here yet, as Debian packages: installed where that is allowed, without starting any
# service, else unpacked into .parts, which git ignores.
set -eu
cd "$(dirname "$0")/.."

unpacked=.parts/redis
if command -v redis-server >/dev/null || [ -x "$unpacked/usr/bin/redis-server" ]; then
	exit 0
fi
command -v apt-get >/dev/null || {
	echo "redis-server is missing, and there is no apt-get to bring it: install Redis 7" >&2
	exit 1
}

if [ "$(id -u)" = 0 ]; then
	apt-get update -qq
	# A package's service is not started where the policy forbids it. One that is there already stays as it is.
	policy=/usr/sbin/policy-rc.d
	if [ ! -e "$policy" ]; then
		trap 'rm -f "$policy"' EXIT
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod 755 "$policy"
	fi
	RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server >/dev/null
	exit 0
fi

mkdir -p "$unpacked/packages"
(
	cd "$unpacked/packages"
	apt-get download -qq redis-server redis-tools libjemalloc2 liblua5.1-0 lua-bitop lua-cjson liblzf1 libhiredis0.14 libsystemd0 libatomic1
	for package in *.deb; do
		dpkg -x "$package" ..
	done
)
rm -r "$unpacked/packages"
