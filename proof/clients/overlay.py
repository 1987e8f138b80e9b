"""Runs commands on an overlay: what they write is in memory and gone when they end."""

from testinfra.host import Host

# Where apt and unattended-upgrades keep their caches, stamps and locks, also when they only try.
FOLDERS = ("/etc/apt", "/run", "/var/cache/apt", "/var/lib/apt")
LEFT_OPEN = ("/run/dbus", "/run/systemd")  # no socket can be reached through a layer
# The command's own view of the file systems: each folder with a layer over it that takes every change.
SCRIPT = """\
set -eu
mount -t tmpfs tmpfs /mnt
for folder in {left_open}; do
    mkdir -p "/mnt/open$folder"
    mount --bind "$folder" "/mnt/open$folder"
done
for folder in {folders}; do
    mkdir -p "/mnt$folder/upper" "/mnt$folder/work"
    mount -t overlay -o "lowerdir=$folder,upperdir=/mnt$folder/upper,workdir=/mnt$folder/work" overlay "$folder"
done
for folder in {left_open}; do
    mount --bind "/mnt/open$folder" "$folder"
done
exec "$@"
"""


def of(host: Host) -> Host:
    """The host as a place where what commands of apt write is gone when they end."""
    script = SCRIPT.format(folders=" ".join(FOLDERS), left_open=" ".join(LEFT_OPEN))
    behind: Host = host.inside(host.name, ["unshare", "--mount", "sh", "-c", script, "sh"])
    return behind
