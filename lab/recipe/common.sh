#!/bin/bash
# Hook of mmdebstrap, for both images: $1 is the root of the image.
# Shared look of a fresh server: networkd, a serial console, no identity yet.
set -euo pipefail
root=$1

cat >"$root/etc/fstab" <<'FSTAB'
/dev/vda / ext4 errors=remount-ro 0 1
FSTAB
: >"$root/etc/machine-id"
printf 'LANG=C.UTF-8\n' >"$root/etc/locale.conf" # /etc/default/locale leads here: each login reads it
rm -f "$root"/etc/ssh/ssh_host_*_key "$root"/etc/ssh/ssh_host_*_key.pub
install -m 0700 -d "$root/root/.ssh"
printf 'PermitRootLogin prohibit-password\n' >"$root/etc/ssh/sshd_config.d/50-cloud-init.conf"

chroot "$root" systemctl --quiet enable systemd-networkd.service ssh.service serial-getty@ttyS0.service
chroot "$root" systemctl --quiet disable systemd-networkd-wait-online.service
# No one logs in on a screen, so the image needs no consoles; fewer processes boot faster.
chroot "$root" systemctl --quiet mask getty@tty1.service
