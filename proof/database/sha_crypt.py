"""SHA512-CRYPT of others: published test vectors, openssl, and crypt(3) where openssl cannot compute it."""

import ctypes
import ctypes.util
import random
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SALT_CHARACTERS = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
OPENSSL_LONGEST = 256
LONGEST = 511
EDGES = (63, 64, 65, 127, 128, 129, 255, 256)
ALPHABETS = ((0x01, 0x09), (0x20, 0x7E), (0xA1, 0x24F), (0x400, 0x52F), (0x4E00, 0x9FFF), (0x1F300, 0x1F64F))
SCHEME = "{SHA512-CRYPT}"


@dataclass(frozen=True)
class Vector:
    """A password, a setting, and the hash that they must give."""

    password: str
    setting: str
    expected: str


# Ulrich Drepper, "Unix crypt using SHA-256 and SHA-512", https://www.akkadia.org/drepper/SHA-crypt.txt
PUBLISHED = (
    Vector(
        "Hello world!",
        "$6$saltstring",
        "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
    ),
    Vector(
        "Hello world!",
        "$6$rounds=10000$saltstringsaltstring",
        "$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/"
        "y3RnOaw5v.",
    ),
    Vector(
        "This is just a test",
        "$6$rounds=5000$toolongsaltstring",
        "$6$rounds=5000$toolongsaltstrin$lQ8jolhgVRVhY4b5pZKaysCLi0QBxGoNeKQzQ3glMhwllF7oGDZxUhx1yxdYcz/e1JSbq3y6JMxxl8"
        "audkUEm0",
    ),
    Vector(
        "a very much longer text to encrypt.  This one even stretches over morethan one line.",
        "$6$rounds=1400$anotherlongsaltstring",
        "$6$rounds=1400$anotherlongsalts$POfYwTEok97VWcjxIiSOjiykti.o/pQs.wPvMxQ6Fm7I6IoYN3CmLs66x9t0oSwbtEW7o7UmJEiDwG"
        "qd8p4ur1",
    ),
    Vector(
        "we have a short salt string but not a short password",
        "$6$rounds=77777$short",
        "$6$rounds=77777$short$WuQyW2YR.hBNpjjRhpYD/ifIw05xdfeEyQoMxIXbkvr0gge1a1x3yRULJ5CCaUeOxFmtlcGZelFl5CxtgfiAc0",
    ),
    Vector(
        "a short string",
        "$6$rounds=123456$asaltof16chars..",
        "$6$rounds=123456$asaltof16chars..$BtCwjqMJGx5hrJhZywWvt0RLE8uZ4oPwcelCjmw2kSYu.Ec6ycULevoBK25fs2xXgMNrCzIMVcgEJ"
        "AstJeonj1",
    ),
    Vector(
        "the minimum number is still observed",
        "$6$rounds=10$roundstoolow",
        "$6$rounds=1000$roundstoolow$kUMsbe306n21p9R.FRkW3IGn.S9NPN0x50YhH1xhLsPuWGsUSklZt58jaTfF4ZEQpyUNGc0dqbpBYYBaHHr"
        "sX.",
    ),
)


def random_vectors(number: int, seed: int) -> Iterator[Vector]:
    """Random passwords with what crypt(3) or openssl makes of them, many at once to each openssl.

    Every length up to the longest, ASCII and all of UTF-8, salts of 1 to 16 characters, rounds from none given to
    a few thousand, mostly few; one password in fifty is empty.

    Args:
        number: how many.
        seed: the same seed gives the same passwords.
    """
    dice = random.Random(seed)  # noqa: S311
    batch = 20
    for start in range(0, number, batch):
        setting = _setting(dice)
        passwords = [_password(dice) for _ in range(min(batch, number - start))]
        yield from zip_vectors(passwords, setting, reference(passwords, setting))


def zip_vectors(passwords: Sequence[str], setting: str, hashes: Sequence[str]) -> Iterator[Vector]:
    """Vectors of passwords that share a setting."""
    for password, expected in zip(passwords, hashes, strict=True):
        yield Vector(password, setting, expected)


def reference(passwords: Sequence[str], setting: str) -> list[str]:
    """The hashes by `openssl passwd -6`; by crypt(3) where openssl refuses or cuts: empty and very long passwords."""
    fit = [password for password in passwords if 0 < len(password.encode()) <= OPENSSL_LONGEST]
    hashes = iter(openssl(fit, setting) if fit else [])
    return [
        next(hashes) if 0 < len(password.encode()) <= OPENSSL_LONGEST else crypt3(password, setting)
        for password in passwords
    ]


def openssl(passwords: Sequence[str], setting: str) -> list[str]:
    """The hashes of non-empty passwords by `openssl passwd -6`; test data, for they are arguments of a process."""
    command = ["openssl", "passwd", "-6", "-salt", setting.removeprefix("$6$"), "--", *passwords]
    done = subprocess.run(command, capture_output=True, check=True, text=True, encoding="utf-8")
    return done.stdout.splitlines()


def crypt3(password: str, setting: str) -> str:
    """The hash by the system's crypt(3)."""
    library = ctypes.CDLL(ctypes.util.find_library("crypt") or "libcrypt.so.1")
    library.crypt.restype = ctypes.c_char_p
    found: bytes = library.crypt(password.encode(), setting.encode())
    return found.decode()


def _setting(dice: random.Random) -> str:
    salt = "".join(dice.choices(SALT_CHARACTERS, k=dice.randint(1, 16)))
    kind = dice.random()
    if kind < 0.04:
        return f"$6${salt}"
    most = 4999 if kind < 0.08 else 1200
    return f"$6$rounds={dice.randint(1000, most)}${salt}"


def _password(dice: random.Random) -> str:
    kind = dice.random()
    if kind < 0.02:
        return ""
    length = dice.choice((dice.randint(1, 24), dice.randint(1, 130), dice.choice(EDGES)))
    if kind < 0.06:
        length = dice.randint(OPENSSL_LONGEST + 1, LONGEST)
    if kind < 0.55:
        return "".join(chr(dice.randint(0x20, 0x7E)) for _ in range(length))
    text = "".join(_any_character(dice) for _ in range(length))
    return text.encode()[:length].decode(errors="ignore") or "ß"


def _any_character(dice: random.Random) -> str:
    first, last = dice.choice(ALPHABETS)
    return chr(dice.randint(first, last))
