#!/usr/bin/python3
"""Prints what sql/ has to know of passwords, as variables of psql; the server never sees a password itself.

usage: password_variables.py SERVICE_USERS [TEST_USERS]

Both are files of lines NAME=PASSWORD. Of a service comes a SCRAM verifier, of the test users, who share the password of
the file's only line, a SHA512-CRYPT hash.
"""

import base64
import ctypes
import hashlib
import hmac
import secrets
import sys
from pathlib import Path

ITERATIONS = 4096  # of PBKDF2; PostgreSQL's default


def verifier(role: str, password: str, iterations: int = ITERATIONS) -> str:
    """A SCRAM-SHA-256 verifier for `ALTER ROLE ... PASSWORD`.

    The salt follows from role and password, so the same password is the same verifier in every run, and a run that
    changes nothing can detect that. This is as safe as a random salt for passwords that are themselves random.

    Args:
        role: the role's name.
        password: ASCII only, as generated ones are: other characters would need SASLprep.
        iterations: of PBKDF2.

    Raises:
        ValueError: the password is empty or not printable ASCII.
    """
    if not password or not all("!" <= character <= "~" for character in password):
        raise ValueError(f"the password for {role} is empty or has characters that are not printable ASCII")
    secret = password.encode("ascii")
    salt = hmac.digest(secret, f"PostgreSQL role {role}".encode(), "sha256")[:16]
    salted = hashlib.pbkdf2_hmac("sha256", secret, salt, iterations)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    return f"SCRAM-SHA-256${iterations}:{_text(salt)}${_text(stored)}:{_text(server)}"


def sha512_crypt(password: str) -> str:
    """The system's own SHA512-CRYPT hash of a password, as virtual_users keeps it."""
    library = ctypes.CDLL("libcrypt.so.1")
    library.crypt.restype = ctypes.c_char_p
    hashed: bytes = library.crypt(password.encode(), f"$6${secrets.token_hex(8)}".encode())
    return "{SHA512-CRYPT}" + hashed.decode()


def read(path: Path) -> dict[str, str]:
    """Names and passwords of a file. Raises ValueError for a line that is none; it is not quoted."""
    found = {}
    for number, line in enumerate(path.read_text(encoding="ascii").splitlines(), start=1):
        name, sign, password = line.partition("=")
        if not (name and sign and password):
            raise ValueError(f"{path}, line {number}, is not NAME=PASSWORD")
        found[name] = password
    return found


def main(service_users: Path, test_users: Path | None = None) -> None:
    """Print the variables, named as sql/ wants them."""
    for role, password in read(service_users).items():
        print(f"\\set {role}_password '{verifier(role, password)}'")
    if test_users:
        (password,) = read(test_users).values()
        print(f"\\set test_password_hash '{sha512_crypt(password)}'")


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


if __name__ == "__main__":
    try:
        main(*map(Path, sys.argv[1:]))
    except (OSError, ValueError) as error:
        sys.exit(f"password_variables.py: {error}")
