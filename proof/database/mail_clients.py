"""Real Postfix and Dovecot as clients of the mail database, on a machine in the VPN."""

import io
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from testinfra.backend.base import CommandResult
from testinfra.host import Host

from lab.waiting import wait_until

FOLDER = "/run/mail-clients"  # in memory: the files hold passwords
READY = 20.0  # seconds until Dovecot has started on an emulated machine
REFUSED = 77  # EX_NOPERM: the password is not the user's
UNKNOWN = 67  # EX_NOUSER
POSTFIX = "compatibility_level = 3.6\n"
DOVECOT = f"""\
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
base_dir = {FOLDER}/run
state_dir = {FOLDER}/state
log_path = {FOLDER}/dovecot.log
protocols =
ssl = no
auth_allow_cleartext = yes
auth_failure_delay = 0
mail_driver = maildir
mail_path = ~/Maildir
mail_plugins {{
  quota = yes
}}
!include dovecot-sql.conf.ext
"""


def archive(files: Mapping[str, bytes]) -> bytes:
    """Files for their owner alone, as a tar."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o600
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


@contextmanager
def installed(place: Host, files: Mapping[str, bytes]) -> Iterator["Clients"]:
    """The clients of a machine, with the connection files of the host; the files are gone in the end."""
    settings = {"main.cf": POSTFIX.encode(), "dovecot.conf": DOVECOT.encode()}
    try:
        place.run_expect([0], "rm -rf %s && install -d -m 0700 %s", FOLDER, FOLDER)
        place.run_expect([0], "tar --extract --directory %s", FOLDER, stdin=archive({**files, **settings}))
        yield Clients(place)
    finally:
        place.run("rm -rf %s", FOLDER)


def pairs(printed: str) -> dict[str, str]:
    """Keys and values as postmap prints them, a tab between them."""
    lines = (line.partition("\t") for line in printed.splitlines())
    return {key: value for key, tab, value in lines if tab}


class Clients:
    """Programs of Postfix and Dovecot that use the connection files in FOLDER."""

    def __init__(self, place: Host) -> None:
        self._place = place

    def postfix(self, table: str, keys: Sequence[str]) -> dict[str, str]:
        """What a pgsql map of Postfix says of keys; those it does not know are left out. Raises AssertionError."""
        result = self._place.run(
            "postmap -c %s -q - %s", FOLDER, f"pgsql:{FOLDER}/postfix-{table}.cf", stdin="\n".join(keys) + "\n"
        )
        assert "postmap:" not in result.stderr, f"Postfix cannot look up {table}: {result}"
        return pairs(result.stdout)

    @contextmanager
    def dovecot(self) -> Iterator[None]:
        """Dovecot at work, without any protocol: it answers doveadm."""
        # In a session of its own: what a command leaves in its own is ended with it.
        self._place.run_expect([0], "setsid --wait dovecot -c %s/dovecot.conf", FOLDER)
        try:
            socket = self._place.socket(f"unix://{FOLDER}/run/auth-client")
            wait_until(lambda: socket.is_listening, "Dovecot to listen for logins", READY)
            yield
        finally:
            self._place.run('kill "$(cat %s/run/master.pid)"', FOLDER)

    def authenticates(self, user: str, password: str) -> bool:
        """Whether Dovecot lets a user in with this password. Raises AssertionError if it cannot tell."""
        result = self._doveadm("auth", "test", user, stdin=password + "\n")
        assert result.rc in (0, REFUSED), f"Dovecot cannot tell: {result}\n{self.log()}"
        return bool(result.rc == 0)

    def user(self, user: str) -> dict[str, str]:
        """What Dovecot knows of a user's mailbox, empty for one it does not know. Raises AssertionError."""
        result = self._doveadm("user", user)
        assert result.rc in (0, UNKNOWN), f"Dovecot cannot look up {user}: {result}\n{self.log()}"
        return pairs(result.stdout) if result.rc == 0 else {}

    def users(self) -> list[str]:
        """Every user that Dovecot lists, as its commands for all users need them. Raises AssertionError."""
        result = self._doveadm("user", "*")
        assert result.rc == 0, f"Dovecot cannot list the users: {result}\n{self.log()}"
        return str(result.stdout).split()

    def log(self) -> str:
        """What Dovecot wrote."""
        return str(self._place.run("cat %s/dovecot.log", FOLDER).stdout)

    def _doveadm(self, *words: str, stdin: str = "") -> CommandResult:
        places = " ".join("%s" for _ in words)
        return self._place.run(f"doveadm -c {FOLDER}/dovecot.conf {places}", *words, stdin=stdin)
