"""The settings of a login in a service's own connection file: Postfix, Dovecot 2.4, SOGo, libpq."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

PAIR = re.compile(r"^\s*(\w+) = (.*?)\s*$", re.MULTILINE)
ADDRESS = re.compile(r"postgresql://[^\s\"]+")


@dataclass(frozen=True)
class Settings:
    """Where a service logs in, and as whom."""

    host: str
    port: int
    dbname: str
    user: str
    password: str

    def libpq(self, **more: str) -> dict[str, str]:
        """The same as settings of libpq."""
        return {
            "host": self.host,
            "port": str(self.port),
            "dbname": self.dbname,
            "user": self.user,
            "password": self.password,
            **more,
        }


def settings(text: str) -> Settings:
    """The login in the text of a connection file. Raises ValueError if there is none; the text is not quoted."""
    if found := ADDRESS.search(text):
        return _of_address(found[0])
    pairs = dict(PAIR.findall(text))
    host, _, port = pairs.get("hosts", f"{pairs.get('host', '')}:{pairs.get('port', '')}").rpartition(":")
    if not (host and port.isdecimal() and {"dbname", "user", "password"} <= set(pairs)):
        raise ValueError(f"no login is in a file with {', '.join(sorted(pairs)) or 'nothing'}")
    return Settings(host, int(port), pairs["dbname"], pairs["user"], pairs["password"])


def of_files(files: Mapping[str, bytes]) -> dict[str, Settings]:
    """The login in each connection file, by name; instructions are none."""
    return {name: settings(content.decode()) for name, content in files.items() if not name.endswith(".md")}


def _of_address(address: str) -> Settings:
    """SOGo's addresses name a table behind the database."""
    parts = urlsplit(address)
    dbname = parts.path.strip("/").split("/")[0]
    if not (parts.hostname and parts.port and dbname and parts.username and parts.password):
        raise ValueError("the address of the database lacks a part")
    return Settings(parts.hostname, parts.port, dbname, unquote(parts.username), unquote(parts.password))
