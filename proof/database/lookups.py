"""The queries of Postfix and Dovecot, taken from their connection files."""

import re
from collections.abc import Mapping, Sequence

POSTFIX_QUERY = re.compile(r"^query = (.*)$", re.MULTILINE)
DOVECOT_QUERY = re.compile(r"^\s+query = (.*)$", re.MULTILINE)
DOMAINS = "postfix-domains.cf"


def postfix(files: Mapping[str, bytes], addresses: Sequence[str]) -> list[str]:
    """Every statement of every map of Postfix for these addresses, or for their domains."""
    statements = []
    for name, content in sorted(files.items()):
        for query in POSTFIX_QUERY.findall(content.decode()) if name.startswith("postfix-") else ():
            keys = {address.rpartition("@")[2] for address in addresses} if name == DOMAINS else addresses
            statements += [query.replace("%s", key) for key in sorted(keys)]
    return statements


def dovecot(files: Mapping[str, bytes], addresses: Sequence[str]) -> list[str]:
    """Every statement of Dovecot's password and user databases for these addresses."""
    queries = DOVECOT_QUERY.findall(files["dovecot-sql.conf.ext"].decode())
    return [query.replace("%{user | lower}", address) for query in queries for address in addresses]
