#!/bin/sh
# fetch-deb.sh ARCHITECTURE PACKAGE: download a Debian package and unpack it, without installing
# anything. Prints the folder it was unpacked to, roms/cache/ARCHITECTURE/PACKAGE.
#
# apt works on a state of its own in roms/cache: the machine's apt configuration, package lists and
# dpkg architectures stay as they are, and no root is needed. A package that only names another
# (linux-image-686) stands for it. Packages come from Debian 12, the last release with kernels for
# such old processors; RELEASE and MIRROR choose others.
set -eu
[ $# = 2 ] || { sed -n '2,9p' "$0" >&2; exit 64; }
cd "$(dirname "$0")"
arch=$1 package=$2
here=$PWD/cache/$arch
tree=$here/$package
mkdir -p "$here/apt/lists/partial" "$here/apt/archives/partial" "$here/debs"
# One at a time: tests that run beside each other want the same packages.
exec 9> "$here/lock"
flock 9
if [ -e "$tree/.complete" ]; then
	echo "$tree"
	exit 0
fi

release=${RELEASE:-bookworm}
# The mirror that this machine uses already, if it is a Debian.
targets() { apt-get indextargets --format "$1" 'Created-By: Packages' 2> /dev/null | grep -v security; }
# shellcheck disable=SC2016 # the names are apt's
mirror=${MIRROR:-$(targets '$(ORIGIN)|$(REPO_URI)' | sed -n 's/^Debian|//p' | head -n 1)}
# shellcheck disable=SC2016
mirror=${mirror:-$(targets '$(REPO_URI)' | grep '/debian/*$' | head -n 1)}
[ -n "$mirror" ] || {
	echo "fetch-deb: apt knows no mirror of Debian here: set MIRROR to the address of one" >&2
	exit 69
}

: > "$here/apt/status"
keys=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [arch=$arch signed-by=$keys] $mirror $release main" > "$here/apt/sources"
cat > "$here/apt/conf" << END
Dir::Etc::SourceList "$here/apt/sources";
Dir::Etc::SourceParts "-";
Dir::State::Lists "$here/apt/lists";
Dir::State::Status "$here/apt/status";
Dir::Cache::Archives "$here/apt/archives";
Dir::Cache::PkgCache "";
Dir::Cache::SrcPkgCache "";
APT::Architecture "$arch";
APT::Architectures { "$arch"; };
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::Retries "3";
#clear DPkg::Post-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
END

apt() {
	tool=$1
	shift
	timeout 900 "apt-$tool" -q -c "$here/apt/conf" -o APT::Architectures="$arch" "$@"
}

if [ -z "$(find "$here/apt/lists" -name '*_Packages*' -mtime -7)" ]; then
	echo "fetch-deb: reading the list of Debian's $arch packages from $mirror" >&2
	apt get update > "$here/apt/log" 2>&1 || { cat "$here/apt/log" >&2; exit 71; }
fi

# A package without files of its own: the kernel that it depends on.
real=$package
case $package in linux-image-*[0-9].[0-9]*) ;; linux-image-*)
	real=$(apt cache depends "$package" | sed -n 's/.*Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | head -n 1)
	[ -n "$real" ] || { echo "fetch-deb: $mirror has no $package in $release" >&2; exit 71; }
	;;
esac

echo "fetch-deb: downloading $real ($arch)" >&2
rm -f "$here/debs/${real}"_*.deb
(cd "$here/debs" && apt get download "$real") > "$here/apt/log" 2>&1 || { cat "$here/apt/log" >&2; exit 71; }
rm -rf "$tree"
mkdir -p "$tree"
dpkg-deb -x "$here/debs/${real}"_*.deb "$tree"
rm -f "$here/debs/${real}"_*.deb
: > "$tree/.complete"
echo "$tree"
