"""A machine of libvirt's: its state, its power, and the agent in its guest."""

import json
import subprocess
import threading
from collections.abc import Mapping
from typing import Any

from lab import libvirt_worker
from lab.errors import LabError
from lab.json_socket import Disconnected

PYTHON = "/usr/bin/python3"  # the distribution's, for which it has libvirt's module
PACKAGE = "python3-libvirt"


class LibvirtSession:
    """The way to libvirt: one program that stays, begun with the first question. Threads may share it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def ask(self, domain: str, do: str, **arguments: object) -> Any:  # noqa: ANN401
        """What libvirt answers to a question of `lab.libvirt_worker`. Raises LabError."""
        with self._lock:
            process = self._begun()
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                process.stdin.write(json.dumps({"domain": domain, "do": do, **arguments}) + "\n")
                process.stdin.flush()
                line = process.stdout.readline()
            except BaseException as error:
                self._end()  # its answer would be taken for that of the next question
                if isinstance(error, BrokenPipeError):
                    line = ""
                else:
                    raise
            if not line:
                self._end()  # the next question begins another
        if not line:
            raise LabError("libvirt cannot be asked.", f"apt install {PACKAGE} libvirt-daemon, then lab up again")
        said: dict[str, Any] = json.loads(line)
        if "error" in said:
            raise (Disconnected if said["silent"] else LabError)(f"libvirt reports: {said['error']}", "lab status")
        return said["return"]

    def _begun(self) -> "subprocess.Popen[str]":
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(  # it ends with its standard input, whichever thread began it
                [PYTHON, "-I", libvirt_worker.__file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,
            )
        return self._process

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class DomainAgent:
    """How requests reach the guest agent of a domain: an exchange for `lab.agent.Agent`."""

    def __init__(self, session: LibvirtSession, domain: str) -> None:
        self._session = session
        self._domain = domain

    def __call__(self, request: Mapping[str, object], timeout: float) -> Mapping[str, Any]:
        """The agent's answer. Raises LabError if it does not answer within so many seconds, at least one."""
        said = self._session.ask(self._domain, "agent", command=json.dumps(request), timeout=max(1, round(timeout)))
        answer: Mapping[str, Any] = json.loads(said)
        return answer
