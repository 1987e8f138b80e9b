"""Tells people: through apprise, to whatever services the operator's URLs name. The URLs are secrets."""

import logging
import os
import stat
from collections.abc import Sequence
from pathlib import Path

import apprise

from lab.errors import LabError
from proof.evidence.redact import redactor
from proof.watch.memory import Level, Message

VARIABLE = "MAIL_LAB_NOTIFY"
FILE = Path("~/.config/mail-lab/notify")
KINDS: dict[Level, apprise.NotifyType] = {
    "red": apprise.NotifyType.FAILURE,
    "green": apprise.NotifyType.SUCCESS,
    "note": apprise.NotifyType.WARNING,
}


def urls() -> list[str]:
    """Where messages go: the lines of the operator's file, which others may not read.

    Raises:
        LabError: others can read it, or a line names no service.
    """
    path = Path(os.environ.get(VARIABLE) or FILE).expanduser()
    if not path.exists():
        return []
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise LabError(f"{path} holds secrets, and others can read it.", f"chmod 600 {path}")
    found = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    found = [line for line in found if line and not line.startswith("#")]
    for number, url in enumerate(found, start=1):
        redactor.register(url)
        if apprise.Apprise.instantiate(url) is None:
            raise LabError(
                f"Address {number} in {path} names no service.", "https://github.com/caronc/apprise has the forms"
            )
    return found


def send(messages: Sequence[Message]) -> list[Message]:
    """Send each message to every address; returns those that did not reach all of them.

    Without addresses there is no one to tell: nothing is left to send. Raises LabError as `urls`.
    """
    addresses = urls()
    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its errors name the address
    service = apprise.Apprise()
    for address in addresses:
        service.add(address)
    return [one for one in messages if addresses and not _sent(service, one)]


def _sent(service: apprise.Apprise, message: Message) -> bool:
    return bool(
        service.notify(
            title=redactor(message.title),
            body=redactor(message.body),
            notify_type=KINDS[message.level],
            body_format=apprise.NotifyFormat.TEXT,
        )
    )
