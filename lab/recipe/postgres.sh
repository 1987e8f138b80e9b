#!/bin/bash
# Hook of mmdebstrap for the database's container image: $1 is its root, unpacked and not installed.
# What remains is what the production target's image has too: PostgreSQL's server, clients and contrib, a shell and its
# tools.
set -euo pipefail
cd "${1:?root of the image}"

# shellcheck disable=SC2016  # dpkg-deb's own variables
find var/cache/apt/archives -name '*.deb' \
    -exec dpkg-deb --show --showformat '${Package}\t${Version}\n' {} \; >recipe/installed

# Without the compiler of expressions PostgreSQL interprets them. Debian's wrappers around it are written in Perl.
(cd usr/lib/x86_64-linux-gnu && rm -rf lib{LLVM,z3,clang,perl,db-,gdbm}* perl* gconv systemd)
rm -rf usr/lib/postgresql/17/lib/{bitcode,llvmjit*} usr/lib/{llvm-*,systemd,udev,init,tmpfiles.d} usr/bin/*perl* \
    usr/share/{perl*,doc,man,locale,i18n,info,bash-completion,lintian,bug,debconf,postgresql-common,zsh} \
    etc/{init.d,cron*,systemd,logrotate.d,default,postgresql*,perl} \
    var/log boot home media mnt opt srv usr/{games,include,local,src,sbin}
find usr/bin -xtype l -delete
{ grep -rlIZ '^#! */usr/bin/perl' usr/bin || true; } | xargs -0r rm
find usr -type f -perm /6000 -exec chmod a-s {} +

# Nothing of the machine that builds it.
rm -f etc/{resolv.conf,hostname}
: >etc/apt/sources.list

# The user that the container runs as has no name in here, as in the other target's image.
printf 'root:x:0:0:root:/root:/bin/sh\n' >etc/passwd
printf 'root:x:0:\n' >etc/group
printf 'passwd: files\ngroup: files\nhosts: files dns\n' >etc/nsswitch.conf

mkdir -p etc/postgresql var/lib/postgresql/data wal_archive backups
