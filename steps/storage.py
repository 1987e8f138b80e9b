"""The folders of mail and database, by their names in the features."""

from collections.abc import Sequence

from proof.hosts.target import Target

# Name in the features to the inventory's variable that holds the path.
FOLDERS = {
    "mail store": "mail_store",
    "mail queue": "mail_queue",
    "mail backups": "mail_backups",
    "database files": "postgres_data",
    "database archive": "postgres_wal_archive",
    "database backups": "postgres_backups",
}
OWNERS = {name: "vmail" if name.startswith("mail") else "postgres" for name in FOLDERS}


def path(target: Target, name: str) -> str:
    """Path of a folder."""
    return target.text(FOLDERS[name])


def paths(target: Target) -> list[str]:
    """Paths of all folders."""
    return [path(target, name) for name in FOLDERS]


def owners(target: Target) -> dict[str, str]:
    """Path of every folder to the account that owns it."""
    return {path(target, name): owner for name, owner in OWNERS.items()}


def rows(table: Sequence[Sequence[object]]) -> list[tuple[str, ...]]:
    """A step's table without its heading."""
    return [tuple(str(cell) for cell in row) for row in table[1:]]
