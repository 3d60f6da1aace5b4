#!/bin/sh
# Brings the servers that tests start and that are not here yet, as Debian packages: installed where that is allowed, without starting any
# service, else unpacked into .parts, which git ignores.
set -eu
cd "$(dirname "$0")/.."

# What each server needs beside a bare Debian, by the server's package; the program is the first word.
needs() {
	case $1 in
	redis) echo redis-server redis-server redis-tools libjemalloc2 liblua5.1-0 lua-bitop lua-cjson liblzf1 libhiredis0.14 libsystemd0 libatomic1 ;;
	nginx) echo nginx nginx libpcre2-8-0 libssl3 zlib1g libcrypt1 ;;
	caddy) echo caddy caddy libzstd1 ;;
	haproxy) echo haproxy haproxy liblua5.3-0 libopentracing-c-wrapper0 libopentracing1 libpcre2-8-0 libssl3 libsystemd0 libcrypt1 ;;
	esac
}

# here NAME PROGRAM: whether it is installed, or was unpacked before. Debian keeps some in sbin, which is not in everybody's path.
here() {
	PATH=$PATH:/usr/sbin:/sbin command -v "$2" >/dev/null || [ -x ".parts/$1/usr/bin/$2" ] || [ -x ".parts/$1/usr/sbin/$2" ]
}

missing=
for name in redis nginx caddy haproxy; do
	set -- $(needs $name)
	here $name "$1" || missing="$missing $name"
done
[ -n "$missing" ] || exit 0
command -v apt-get >/dev/null || {
	echo "missing:$missing; and there is no apt-get to bring them: install Redis 7, nginx 1.22, Caddy 2.6, HAProxy 2.6 or later" >&2
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
	packages=
	for name in $missing; do
		set -- $(needs $name)
		packages="$packages $2"
	done
	RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
	exit 0
fi

for name in $missing; do
	set -- $(needs $name)
	shift
	mkdir -p ".parts/$name/packages"
	(
		cd ".parts/$name/packages"
		apt-get download -qq "$@"
		for package in *.deb; do
			dpkg -x "$package" ..
		done
	)
	rm -r ".parts/$name/packages"
done
