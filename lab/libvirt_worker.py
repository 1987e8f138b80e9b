"""The program that asks libvirt about the machines of this user's session.

libvirt's Python module comes with the distribution's Python, which is seldom the one of `.venv`; so that Python runs
this file, which reads questions and writes answers, a line of JSON each. Nothing of a question shows in a process list.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

URI = "qemu:///session"


def answer(connection: Any, question: dict[str, Any]) -> object:  # noqa: ANN401 - libvirt has no types
    """Do what one question asks of its domain.

    Args:
        connection: libvirt's.
        question: "domain", a UUID; "do": "state", "suspend", "resume", "reset", "end", "snapshots" or "agent"; for the
            last "command", text for the guest agent, and "timeout" in whole seconds.
    """
    import libvirt  # type: ignore[import-not-found]  # noqa: PLC0415 - only the distribution's Python has it
    import libvirt_qemu  # type: ignore[import-not-found]  # noqa: PLC0415

    domain = connection.lookupByUUIDString(question["domain"])
    states = {libvirt.VIR_DOMAIN_RUNNING: "running", libvirt.VIR_DOMAIN_PAUSED: "paused"}
    known: dict[str, Callable[[], object]] = {
        "state": lambda: states.get(domain.state()[0], "off"),
        "suspend": domain.suspend,
        "resume": domain.resume,
        "reset": domain.reset,
        "end": domain.destroy,
        "snapshots": domain.snapshotListNames,
        "agent": lambda: libvirt_qemu.qemuAgentCommand(domain, question["command"], question["timeout"], 0),
    }
    return known[question["do"]]()


def main() -> int:
    """Answer until there are no more questions."""
    import libvirt  # noqa: PLC0415

    libvirt.registerErrorHandler(lambda *_: None, None)  # errors are answers
    connection = None
    for line in sys.stdin:
        try:
            if connection is None or not connection.isAlive():
                connection = libvirt.open(URI)
            said = {"return": answer(connection, json.loads(line))}
        except libvirt.libvirtError as error:
            silent = error.get_error_code() in (
                libvirt.VIR_ERR_AGENT_UNRESPONSIVE,
                libvirt.VIR_ERR_AGENT_UNSYNCED,
                libvirt.VIR_ERR_OPERATION_INVALID,
                libvirt.VIR_ERR_NO_DOMAIN,
            )
            said = {"error": error.get_error_message() or str(error), "silent": silent}
        print(json.dumps(said), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
