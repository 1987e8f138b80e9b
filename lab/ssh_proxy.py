"""ProxyCommand of the lab's ssh_config: hands OpenSSH a connection to the forward for an address of the lab.

Used with ProxyUseFdpass, so that no process remains between ssh and the forward. Standard library only: it starts
with every login.
"""

import json
import socket
import sys
from pathlib import Path


def main() -> int:
    """Connect to the forward for argv[1]:argv[2] and pass the socket on standard output. Returns the exit status."""
    target = ":".join(sys.argv[1:3])
    relays = Path(__file__).resolve().parent.parent / ".lab" / "relays.json"
    try:
        port = json.loads(relays.read_text()).get(target)
    except (OSError, ValueError):
        sys.stderr.write("The lab is not running (lab up).\n")
        return 1
    if port is None:
        sys.stderr.write(f"The lab has no way to {target}.\n")
        return 1
    try:
        connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    except OSError as error:
        sys.stderr.write(f"The lab's forward for {target} does not answer: {error}.\n")
        return 1
    connection.settimeout(None)
    with socket.socket(fileno=1) as ssh:
        socket.send_fds(ssh, [b"\0"], [connection.fileno()])
        ssh.detach()
    return 0


if __name__ == "__main__":
    sys.exit(main())
