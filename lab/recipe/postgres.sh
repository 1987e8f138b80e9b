#!/bin/bash
# Hook of mmdebstrap for the database's container image: $1 is its root, unpacked and not installed.
# What remains is what the official image has too: PostgreSQL's server, clients and contrib, and busybox as its tools.
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
find usr -type f -perm /6000 -exec chmod a-s {} +

mkdir -p usr/local/bin usr/sbin
find usr/bin usr/sbin -mindepth 1 ! -name busybox -delete
chroot . /usr/bin/busybox --install -s
for program in usr/lib/postgresql/17/bin/*; do
    ln -s "/$program" usr/local/bin/
done
printf '#!/bin/sh\necho "The entrypoint of the image was used." >&2\nexit 1\n' >usr/local/bin/docker-entrypoint.sh
chmod 0755 usr/local/bin/docker-entrypoint.sh

# Nothing of the machine that builds it.
rm -f etc/{resolv.conf,hostname}
: >etc/apt/sources.list

# The user that the container runs as has no name in here: the official image's own user is another.
printf '%s\n' 'root:x:0:0:root:/root:/bin/sh' 'postgres:x:70:70::/var/lib/postgresql:/bin/sh' >etc/passwd
printf '%s\n' 'root:x:0:' 'postgres:x:70:' >etc/group
printf 'passwd: files\ngroup: files\nhosts: files dns\n' >etc/nsswitch.conf

install -d -m 1777 -o 70 -g 70 var/lib/postgresql var/lib/postgresql/data
