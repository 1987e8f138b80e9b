"""sshd's effective settings, as `sshd -T` prints them: one a line, in lower case, some several times."""

from collections.abc import Mapping


def parse(text: str) -> Mapping[str, tuple[str, ...]]:
    """Setting to its values in order; a setting that is given once has one value."""
    settings: dict[str, tuple[str, ...]] = {}
    for line in text.splitlines():
        word, _, value = line.strip().partition(" ")
        if word:
            settings[word] = (*settings.get(word, ()), value)
    return settings
