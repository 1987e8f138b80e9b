"""Where backports come from is read out of the machine's own sources, in whichever format they stand."""

from pathlib import Path

import pytest

from lab.bootstrap import apt_sources
from lab.bootstrap.apt_sources import Source

STANZAS = """\
# a comment above
Types: deb deb-src
# another one inside
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/archive.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
"""
KEY_INSIDE = """\
Types: deb
URIs: http://mirror.example/debian
Suites: bookworm
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBFit
 -----END PGP PUBLIC KEY BLOCK-----
"""


def test_stanzas_are_read_with_their_options() -> None:
    first, second = apt_sources.deb822(STANZAS)
    assert first == Source(
        ("http://mirror.example/debian",),
        ("bookworm", "bookworm-updates"),
        ("main", "contrib"),
        {"signed-by": "/usr/share/keyrings/archive.gpg"},
    )
    assert second.suites == ("bookworm-security",)


@pytest.mark.parametrize("stanza", ["Enabled: no\n" + KEY_INSIDE, KEY_INSIDE.replace("deb\n", "deb-src\n", 1), ""])
def test_disabled_and_source_stanzas_are_left_out(stanza: str) -> None:
    assert not list(apt_sources.deb822(stanza))


def test_lines_are_read_with_deb822s_names_of_options() -> None:
    text = (
        "# deb http://old.example/debian bookworm main\n"
        "deb-src http://mirror.example/debian bookworm main\n"
        "deb [arch=amd64,i386 signed-by=/k.gpg] http://mirror.example/debian bookworm main contrib # here\n"
    )
    assert list(apt_sources.one_line(text)) == [
        Source(
            ("http://mirror.example/debian",),
            ("bookworm",),
            ("main", "contrib"),
            {"architectures": "amd64 i386", "signed-by": "/k.gpg"},
        )
    ]


def test_files_of_both_formats_are_found_and_others_ignored(tmp_path: Path) -> None:
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (tmp_path / "sources.list").write_text("deb http://a.example/debian bookworm main\n")
    (parts / "b.list").write_text("deb http://b.example/debian bookworm main\n")
    (parts / "c.sources").write_text(STANZAS)
    (parts / "d.list.disabled").write_text("deb http://d.example/debian bookworm main\n")
    hosts = [source.uris[0].split("/")[2] for source in apt_sources.read(tmp_path)]
    assert hosts == ["a.example", "b.example", "mirror.example", "mirror.example"]


def test_backports_come_from_the_mirror_of_the_release_with_its_key() -> None:
    assert apt_sources.backports(tuple(apt_sources.deb822(STANZAS)), "bookworm") == (
        "Types: deb\n"
        "URIs: http://mirror.example/debian\n"
        "Suites: bookworm-backports\n"
        "Components: main\n"
        "Signed-By: /usr/share/keyrings/archive.gpg\n"
    )


def test_a_key_inside_the_file_is_carried_over_whole() -> None:
    text = apt_sources.backports(tuple(apt_sources.deb822(KEY_INSIDE)), "bookworm")
    assert text is not None
    (again,) = apt_sources.deb822(text)
    (before,) = apt_sources.deb822(KEY_INSIDE)
    assert again.options == before.options
    assert "\n .\n mQINBFit\n" in text


def test_no_mirror_of_the_release_means_no_backports() -> None:
    cdrom = Source(("cdrom:[Debian]/",), ("bookworm",), ("main",))
    security = Source(("http://mirror.example/debian-security",), ("bookworm-security",), ("main",))
    assert apt_sources.backports((cdrom, security), "bookworm") is None


def test_a_suite_is_offered_only_with_its_main_component() -> None:
    extra = Source(("http://mirror.example/debian",), ("bookworm-backports",), ("contrib",))
    assert not apt_sources.offers((extra,), "bookworm-backports")
    assert apt_sources.offers((*apt_sources.deb822(STANZAS),), "bookworm-updates")
