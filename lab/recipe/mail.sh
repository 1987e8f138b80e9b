#!/bin/bash
# Hook of mmdebstrap for the mail image: $1 is its root. ARCHIVE_PACKAGES names what the provisioning installs.
# Afterwards the image looks like a fresh Vultr server, and carries the archive it is provisioned from.
set -euo pipefail
root=$1
archive=$root/srv/archive
pool=$archive/pool

canary() { # NAME VERSION: a package that does nothing, so that an upgrade can be pending
    local tree
    tree=$(mktemp -d)
    mkdir "$tree/DEBIAN"
    cat >"$tree/DEBIAN/control" <<CONTROL
Package: $1
Version: $2
Architecture: all
Maintainer: mail-lab <root@localhost>
Description: shows whether a pending upgrade is selected
CONTROL
    chmod 0755 "$tree" "$tree/DEBIAN"
    dpkg-deb --root-owner-group --build "$tree" "$3" >/dev/null
    rm -rf "$tree"
}

release() { # SUITE LABEL: index of dists/SUITE/main, described as Debian describes its own
    (cd "$archive" &&
        apt-ftparchive -o "APT::FTPArchive::Release::Origin=Debian" \
            -o "APT::FTPArchive::Release::Label=$2" \
            -o "APT::FTPArchive::Release::Suite=$3" \
            -o "APT::FTPArchive::Release::Codename=$1" \
            -o "APT::FTPArchive::Release::Architectures=amd64" \
            -o "APT::FTPArchive::Release::Components=main" \
            release "dists/$1" >"dists/.Release" &&
        mv dists/.Release "dists/$1/Release")
}

mkdir -p "$pool" "$archive/security" "$archive/dists/trixie/main/binary-amd64" \
    "$archive/dists/trixie-security/main/binary-amd64"
# shellcheck disable=SC2086  # a list of names
APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get --yes --quiet=2 install --download-only --no-install-recommends $ARCHIVE_PACKAGES >/dev/null
find "$root/var/cache/apt/archives" -name '*.deb' -exec mv -t "$pool" {} +

scratch=$(mktemp -d)
canary mail-lab-security-canary 1 "$scratch"
canary mail-lab-ordinary-canary 1 "$scratch"
canary mail-lab-security-canary 2 "$archive/security"
canary mail-lab-ordinary-canary 2 "$pool"
mkdir "$root/tmp/canaries"
mv "$scratch"/*.deb "$root/tmp/canaries"
chroot "$root" sh -c 'dpkg --install /tmp/canaries/*.deb >/dev/null'
rm -rf "$root/tmp/canaries" "$scratch"

(cd "$archive" &&
    apt-ftparchive packages pool >dists/trixie/main/binary-amd64/Packages &&
    apt-ftparchive packages security >dists/trixie-security/main/binary-amd64/Packages)
release trixie Debian stable
release trixie-security Debian-Security stable-security

rm -f "$root/etc/apt/sources.list" "$root"/etc/apt/sources.list.d/*
cat >"$root/etc/apt/sources.list.d/archive.sources" <<'SOURCES'
Types: deb
URIs: file:/srv/archive
Suites: trixie trixie-security
Components: main
Trusted: yes
SOURCES
APT_CONFIG='' chroot "$root" apt-get --quiet=2 update >/dev/null

# What Vultr's image adds to Debian: an account with sudo that asks for its password.
chroot "$root" useradd --create-home --shell /bin/bash --uid 1000 --groups sudo linuxuser
