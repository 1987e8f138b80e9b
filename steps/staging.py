"""Puts the host into states that a playbook may meet, as root at the console.

The account files are written directly: what is tried are the playbooks, not the tools that they use.
"""

from proof.hosts.recorded_lab import RecordedLab

# Adds an account with a UID and a home of its own, and does not ask whether the number is taken.
ACCOUNT = r"""
add_account() {
    echo "$1:x:$2:$2::/home/$1:/bin/bash" >> /etc/passwd
    echo "$1:!:20000:0:99999:7:::" >> /etc/shadow
    echo "$1:x:$2:" >> /etc/group
    echo "$1:!::" >> /etc/gshadow
    cp -r /etc/skel "/home/$1"
    chown -R "$2:$2" "/home/$1"
}
"""

BUSY = r"""
user=$1
add_account "$user" 1042
sed -i "s/^\(sudo:x:[0-9]*:.*[^:]\)$/\1,$user/" /etc/group
echo "$user:165536:65536" | tee -a /etc/subuid >> /etc/subgid
mkdir -p /var/spool/cron/crontabs /etc/cron.d "/opt/$user" /var/lib/systemd/linger
echo '@daily /usr/bin/true' > "/var/spool/cron/crontabs/$user"
echo "@daily $user /usr/bin/true" > "/etc/cron.d/$user"
echo 'Subject: hello' > "/var/mail/$user"
touch "/opt/$user/notes" "/srv/$user-notes" "/var/tmp/$user-notes" "/var/lib/systemd/linger/$user"
chown -R "$user:$user" "/var/spool/cron/crontabs/$user" "/var/mail/$user" "/opt/$user" \
    "/srv/$user-notes" "/var/tmp/$user-notes"
echo "$user ALL=(ALL) NOPASSWD:ALL" > /etc/sudoers.d/90-cloud-init-users
chmod 0440 /etc/sudoers.d/90-cloud-init-users
setsid --fork setpriv --reuid=1042 --regid=1042 --clear-groups sleep 3600 < /dev/null > /dev/null 2>&1
"""

MOVED = r"""
user=$1 old=$2 new=$3
pkill -KILL -u "$old" || true
sed -i "s/^$user:x:$old:$old:/$user:x:$new:$new:/" /etc/passwd
sed -i "s/^$user:x:$old:/$user:x:$new:/" /etc/group
touch "/srv/$user-notes"
ln -sfn /etc/hostname "/home/$user/name-of-the-host"
chown -h "$old:$old" "/srv/$user-notes" "/home/$user/name-of-the-host"
find / -xdev \( -path /proc -o -path /sys \) -prune -o -uid "$old" -exec chown -h "$new" '{}' +
find / -xdev \( -path /proc -o -path /sys \) -prune -o -gid "$old" -exec chgrp -h "$new" '{}' +
"""


def run(lab: RecordedLab, script: str, *arguments: str) -> None:
    """Run a shell script as root on mail, out of band."""
    done = lab.exec("mail", ["sh", "-eu", "-s", *arguments], stdin=(ACCOUNT + script).encode(), timeout=120.0)
    assert done.exit_status == 0, f"the host could not be prepared: {done}"


def busy_user(lab: RecordedLab, user: str) -> None:
    """A user that has been at work: files, mail, jobs, a sudo rule, a program that runs, all as UID 1042."""
    run(lab, BUSY, user)


def add_account(lab: RecordedLab, user: str, uid: int) -> None:
    """Add a plain account with this UID, and a group with the same number."""
    run(lab, 'add_account "$1" "$2"', user, str(uid))


def move_account(lab: RecordedLab, user: str, old: int, new: int) -> None:
    """A user and all of its files to another number, as if the first had been taken when it was made."""
    run(lab, MOVED, user, str(old), str(new))
