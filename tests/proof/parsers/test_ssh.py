"""What ssh, sshd and ssh-audit print is read for what it says, and nothing is taken for granted."""

import json

import pytest

from proof.parsers import ssh_audit, ssh_login, sshd
from proof.parsers.errors import NothingToReadError

VERBOSE = """\
OpenSSH_9.2p1 Debian-2+deb12u7, OpenSSL 3.0.17 1 Jul 2025
debug1: Remote protocol version 2.0, remote software version OpenSSH_10.0p2 Debian-7
debug2: local client KEXINIT proposal
debug2: KEX algorithms: curve25519-sha256,ext-info-c
debug2: ciphers stoc: aes128-cbc
debug1: SSH2_MSG_KEXINIT received
debug2: peer server KEXINIT proposal
debug2: KEX algorithms: mlkem768x25519-sha256,sntrup761x25519-sha512,ext-info-s,kex-strict-s-v00@openssh.com
debug2: host key algorithms: ssh-ed25519
debug2: ciphers ctos: aes256-ctr
debug2: ciphers stoc: aes256-gcm@openssh.com,aes256-ctr
debug2: MACs ctos: hmac-sha1
debug2: MACs stoc: hmac-sha2-256-etm@openssh.com
debug1: kex: algorithm: sntrup761x25519-sha512
debug1: SSH2_MSG_SERVICE_ACCEPT received
*** Authorised people only. ***
All activity is recorded.

debug1: Authentications that can continue: publickey
debug1: Next authentication method: publickey
debug1: Offering public key: /x/id_ed25519 ED25519 SHA256:abc
Authenticated to 10.100.0.25 (via proxy) using "publickey".
a word of the day
"""


def test_a_login_shows_what_the_server_offers_and_not_what_the_client_would_like() -> None:
    login = ssh_login.parse(VERBOSE)
    assert login.offer == {
        "kex": ("mlkem768x25519-sha256", "sntrup761x25519-sha512"),
        "key": ("ssh-ed25519",),
        "enc": ("aes256-gcm@openssh.com", "aes256-ctr"),
        "mac": ("hmac-sha2-256-etm@openssh.com",),
    }
    assert login.kex == "sntrup761x25519-sha512"
    assert login.software == "OpenSSH_10.0p2 Debian-7"
    assert login.methods == ("publickey",)
    assert login.authenticated


def test_only_words_before_the_first_credential_count_as_a_warning() -> None:
    assert ssh_login.parse(VERBOSE).before_authentication == (
        "*** Authorised people only. ***\nAll activity is recorded."
    )
    late = VERBOSE.replace("*** Authorised people only. ***\nAll activity is recorded.\n\n", "")
    assert ssh_login.parse(late).before_authentication == ""


def test_a_connection_that_never_came_about_shows_nothing() -> None:
    login = ssh_login.parse("ssh: connect to host 10.100.0.25 port 2288: Connection refused\n")
    assert not login.authenticated
    assert login.kex == ""
    assert set(login.offer.values()) == {()}
    assert login.methods == ("",)


def test_settings_that_add_up_keep_every_value() -> None:
    settings = sshd.parse("port 2288\nlistenaddress 10.100.0.25:2288\nlistenaddress [::]:2288\npermitrootlogin no\n")
    assert settings["listenaddress"] == ("10.100.0.25:2288", "[::]:2288")
    assert settings["permitrootlogin"] == ("no",)


def report(**kinds: object) -> str:
    return json.dumps({"banner": {"software": "OpenSSH_10.0p2"}, "kex": [], "key": [], "enc": [], "mac": [], **kinds})


def test_a_warning_and_an_unknown_algorithm_are_complaints_and_an_information_is_not() -> None:
    audit = ssh_audit.parse(
        report(
            kex=[
                {"algorithm": "mlkem768x25519-sha256", "notes": {"info": ["available since OpenSSH 9.9"]}},
                {"algorithm": "kex-strict-s-v00@openssh.com", "notes": {"info": ["pseudo-algorithm"]}},
            ],
            mac=[
                {"algorithm": "hmac-sha1", "notes": {"warn": ["using broken SHA-1"], "info": []}},
                {"algorithm": "hmac-new", "notes": {"fail": ["using unknown algorithm"]}},
            ],
        )
    )
    assert [str(offer) for offer in audit.complaints()] == [
        "mac hmac-sha1: warn: using broken SHA-1",
        "mac hmac-new: fail: using unknown algorithm",
    ]
    assert audit.algorithms("kex") == ("mlkem768x25519-sha256",)


@pytest.mark.parametrize("text", ["", "[exception] cannot connect to 10.100.0.25 port 2288", "{}", '{"banner": null}'])
def test_an_audit_that_saw_no_server_is_no_good_mark(text: str) -> None:
    with pytest.raises(NothingToReadError, match="not a report"):
        ssh_audit.parse(text)
