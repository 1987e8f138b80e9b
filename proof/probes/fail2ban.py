"""Asks the fail2ban server through its own client library, without a new interpreter each time; runs on the host."""

import sys
from typing import Any

LIBRARY = "/usr/lib/python3/dist-packages"  # where Debian keeps it, outside a bare interpreter's search path


def ask(questions: list[list[str]], socket_path: str = "/run/fail2ban/fail2ban.sock") -> list[str]:
    """The server's answers as text, one for each question such as `["get", "sshd", "bantime"]`.

    Raises:
        OSError: no server answers on the socket, or it does not understand a question.
    """
    return [str(_answer(question, socket_path)) for question in questions]


def state(jail: str, socket_path: str = "/run/fail2ban/fail2ban.sock") -> dict[str, Any]:
    """What a jail has seen: how many `failures`, and whom it has `banned` now.

    Raises:
        OSError: no server answers on the socket, or it does not know the jail.
    """
    filtered, acted = (dict(part) for _, part in _answer(["status", jail], socket_path))
    return {"failures": int(filtered["Total failed"]), "banned": [str(ip) for ip in acted["Banned IP list"]]}


def _answer(question: list[str], socket_path: str) -> Any:  # noqa: ANN401 - lists in lists, as the server likes
    if LIBRARY not in sys.path:
        sys.path.append(LIBRARY)
    from fail2ban.client.csocket import CSocket  # noqa: PLC0415 - there is a fail2ban on the host only

    connection = CSocket(socket_path)
    try:
        status, answer = connection.send(question)
    finally:
        connection.close()
    if status != 0:
        raise OSError(f"fail2ban does not answer {' '.join(question)}: {answer}")
    return answer
