"""A port of the VPN as a socket on this machine, for client libraries: the hub's sshd is the VPN client behind it."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError
from proof.waits import wait_until

READY = 30.0  # seconds until ssh has logged in to an emulated hub


@dataclass(frozen=True)
class Forward:
    """A unix socket in a private folder; whatever connects to it comes out on the other side as the hub."""

    socket: Path
    close: Callable[[], None]


def through(host: str, ssh_config: Path, address: str, port: int, name: str) -> Forward:
    """Start ssh to a host that forwards a socket of this name to an address and port.

    Raises:
        LabError: ssh ended, with its own words.
    """
    folder = Path(tempfile.mkdtemp(prefix="proof-"))
    socket = folder / name
    options = ("BatchMode=yes", "ControlPath=none", "ExitOnForwardFailure=yes", "StreamLocalBindMask=0177")
    ssh = subprocess.Popen(
        [
            *("ssh", "-F", str(ssh_config), "-N", "-L", f"{socket}:{address}:{port}"),
            *(word for option in options for word in ("-o", option)),
            host,
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,  # an interrupt of the run is none of the connection
    )

    def close() -> None:
        ssh.kill()
        ssh.communicate()
        shutil.rmtree(folder, ignore_errors=True)

    try:
        wait_until(lambda: socket.exists() or ssh.poll() is not None, f"ssh to forward to {address}:{port}", READY)
    except BaseException:
        close()
        raise
    if ssh.poll() is not None:
        said = ssh.communicate()[1].decode(errors="replace").strip()
        close()
        raise LabError(f"ssh through {host} to {address}:{port} ended: {said}", f"lab logs {host}")
    return Forward(socket, close)
