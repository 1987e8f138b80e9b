"""The part of the API for SSH keys."""

from proof.vultr.account import CREATED, Account, Record, RefusedError, find, new_id, require

MISSING = "Invalid ssh key."


def create(account: Account, body: Record) -> Record:
    """Keep a public key."""
    require(body, "name", "ssh_key")
    if not body["ssh_key"].startswith(("ssh-", "ecdsa-", "sk-")):
        raise RefusedError(400, "Unable to create SSH key: invalid key.")
    number = new_id()
    account.keys[number] = {**body, "id": number, "date_created": CREATED}
    return get(account, number)


def listed(account: Account) -> list[Record]:
    """All keys of the account."""
    return list(account.keys.values())


def get(account: Account, number: str) -> Record:
    """A key."""
    return {"ssh_key": find(account.keys, number, MISSING)}


def update(account: Account, number: str, body: Record) -> None:
    """Another name or another key."""
    find(account.keys, number, MISSING).update(body)


def delete(account: Account, number: str) -> None:
    """Forget a key."""
    find(account.keys, number, MISSING)
    del account.keys[number]
