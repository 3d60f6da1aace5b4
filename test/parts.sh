#!/bin/sh
# Provides the servers that tests start, from Debian packages, unless they are present already. As
# root it installs the packages, without starting any service; otherwise it unpacks them into
# .parts, which git ignores.
set -eu
cd "$(dirname "$0")/.."

# needs NAME: prints the program, then the packages that a minimal Debian lacks.
needs() {
	case $1 in
	redis) echo redis-server redis-server redis-tools libjemalloc2 liblua5.1-0 lua-bitop lua-cjson liblzf1 libhiredis0.14 libsystemd0 libatomic1 ;;
	nginx) echo nginx nginx libpcre2-8-0 libssl3 zlib1g libcrypt1 ;;
	caddy) echo caddy caddy libzstd1 ;;
	haproxy) echo haproxy haproxy liblua5.3-0 libopentracing-c-wrapper0 libopentracing1 libpcre2-8-0 libssl3 libsystemd0 libcrypt1 ;;
	esac
}

# here NAME PROGRAM: succeeds if the program is installed or was unpacked before. Debian keeps some
# programs in sbin, which is not in every user's PATH.
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
	echo "missing:$missing; apt-get not found: install Redis 7, nginx 1.22, Caddy 2.6, HAProxy 2.6 or later" >&2
	exit 1
}

if [ "$(id -u)" = 0 ]; then
	apt-get update -qq
	# This policy keeps a package from starting its service. A policy that exists is left alone.
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
