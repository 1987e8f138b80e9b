"""What the server keeps of a role's password, made where the password is: the server never sees the password itself."""

import base64
import hashlib
import hmac

ITERATIONS = 4096


def verifier(role: str, password: str, iterations: int = ITERATIONS) -> str:
    """A SCRAM-SHA-256 verifier for `ALTER ROLE ... PASSWORD`.

    The salt follows from role and password, so the same password is the same verifier in every run, and a run that
    changes nothing can tell. That is as safe as a random salt for passwords that are themselves random.

    Args:
        role: the role's name.
        password: ASCII only, as generated ones are: other characters would need SASLprep.
        iterations: of PBKDF2; PostgreSQL's default.

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


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
