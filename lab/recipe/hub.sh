#!/bin/bash
# Hook of mmdebstrap for the hub image: $1 is its root. The WireGuard peer, and the places that tests look from.
set -euo pipefail
root=$1
here=$(cd "$(dirname "$0")" && pwd)

cp -R --no-preserve=ownership "$here/hub/." "$root/"
chmod 0755 "$root/usr/local/sbin/lab-places"
chroot "$root" systemctl --quiet enable lab-places.service \
    lab-relay@vpn.socket lab-relay@public.socket lab-relay@fresh.socket
# Postfix and Dovecot are here as clients of the mail database; a scenario that needs one of them at work starts it.
chroot "$root" systemctl --quiet mask dovecot.service dovecot.socket postfix.service postfix-resolvconf.path
# Whom Dovecot's look-ups name as the owner of mailboxes.
chroot "$root" useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin vmail
# A sealed network: no package index will ever be asked again.
rm -f "$root/etc/apt/sources.list" "$root"/etc/apt/sources.list.d/*
