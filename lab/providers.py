"""The ways to make a lab, by name, and which one this machine has."""

import shutil

from lab import box_builder
from lab.bootstrap import requirements
from lab.errors import UsageError
from lab.paths import STATE
from lab.provider import NAMES, QEMU, VAGRANT, Provider
from lab.qemu import Qemu


def make(name: str) -> Provider:
    """The provider of this name. Raises UsageError that names those there are."""
    if name == QEMU:
        return Qemu(box_builder.build)
    if name == VAGRANT:
        from lab.vagrant import Vagrant  # noqa: PLC0415 - python-vagrant warns if there is no Vagrant

        return Vagrant(box_builder.build)
    raise UsageError(f"There is no provider {name}.", f"The lab knows: {', '.join(NAMES)}")


def default() -> str:
    """QEMU; Vagrant if only that is installed."""
    return VAGRANT if shutil.which(VAGRANT) and not shutil.which(requirements.QEMU) else QEMU


def _others_there(name: str) -> list[Provider]:
    """Providers of another name that may have left machines of this checkout."""
    return [make(other) for other in NAMES if other != name and (other == QEMU or (STATE / VAGRANT).exists())]


def stop_others(name: str) -> None:
    """End what any other provider runs here: a checkout has one lab at a time."""
    for provider in _others_there(name):
        provider.stop()


def destroy_all() -> None:
    """Remove what any provider made here."""
    for provider in _others_there(""):
        provider.destroy()
