"""Questions to the fail2ban server, through its own client library: no new interpreter for each of them."""

import sys

LIBRARY = "/usr/lib/python3/dist-packages"  # where Debian keeps it, outside a bare interpreter's search path


def ask(questions: list[list[str]], socket_path: str = "/run/fail2ban/fail2ban.sock") -> list[str]:
    """The server's answers as text, one for each question such as `["get", "sshd", "bantime"]`.

    Raises:
        OSError: no server answers on the socket.
    """
    if LIBRARY not in sys.path:
        sys.path.append(LIBRARY)
    from fail2ban.client.csocket import CSocket  # noqa: PLC0415 - there is a fail2ban on the host only

    answers = []
    for question in questions:
        connection = CSocket(socket_path)
        try:
            status, answer = connection.send(question)
        finally:
            connection.close()
        answers.append(str(answer) if status == 0 else f"error: {answer}")
    return answers
