"""Files. Unlike testinfra: a digest of a missing file fails, and a listing has the hidden names too."""

import datetime
import re
from typing import Any

from proof.transport.modules.asker import Asker
from proof.transport.rpc import files

SPECIAL = re.compile(r"[\\\[\].*^$\n]")  # what grep's basic expressions do not take literally


class File:
    """A path on the host. Attributes of what it leads to fail with NoAnswerError if it leads nowhere."""

    def __init__(self, asker: Asker, path: str) -> None:
        self._asker = asker
        self.path = path

    def __repr__(self) -> str:
        return f"<file {self.path}>"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, File):
            return self.path == other.path
        return self.path == other

    def __hash__(self) -> int:
        return hash(self.path)

    def _ask(self, what: str, function: Any, *args: Any, **kwargs: Any) -> Any:
        return self._asker.ask(f"file {self.path} {what}", function, self.path, *args, **kwargs)

    def _status(self, what: str, function: Any = files.status) -> Any:
        return self._ask(what, function, shown=lambda found: repr(found[what]))[what]

    def _kind(self) -> str:
        return str(self._ask("kind", files.kind))

    @property
    def exists(self) -> bool:
        """Whether the path leads to something; a dangling link does not."""
        return self._kind() != ""

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file."""
        return self._kind() == "file"

    @property
    def is_directory(self) -> bool:
        """Whether it is a folder."""
        return self._kind() == "directory"

    @property
    def is_symlink(self) -> bool:
        """Whether the path itself is a symbolic link, dangling or not."""
        return bool(self._ask("is_symlink", files.is_link))

    @property
    def is_executable(self) -> bool:
        """Whether the user on the remote side may execute it."""
        return bool(self._ask("is_executable", files.is_executable))

    @property
    def user(self) -> str:
        """Owner's name; the number if it has none."""
        return str(self._status("user", files.owner))

    @property
    def uid(self) -> int:
        """Owner's number."""
        return int(self._status("uid"))

    @property
    def group(self) -> str:
        """Group's name; the number if it has none."""
        return str(self._status("group", files.owner))

    @property
    def gid(self) -> int:
        """Group's number."""
        return int(self._status("gid"))

    @property
    def mode(self) -> int:
        """Permission bits, with set-user-ID, set-group-ID and sticky: compare with 0o640."""
        return int(self._status("mode"))

    @property
    def size(self) -> int:
        """Size in bytes."""
        return int(self._status("size"))

    @property
    def mtime(self) -> datetime.datetime:
        """Last modification, in this machine's own time and without a zone, as testinfra has it."""
        return datetime.datetime.fromtimestamp(self._status("mtime"))  # noqa: DTZ006

    @property
    def content(self) -> bytes:
        """The bytes of the file; never shown in the evidence."""
        shown = lambda data: f"({len(data)} bytes, not shown)"  # noqa: E731
        return bytes(self._ask("content", files.content, shown=shown, quick=False))

    @property
    def content_string(self) -> str:
        """The file as text in UTF-8; other bytes show as backslash escapes."""
        return self.content.decode("utf-8", errors="backslashreplace")
