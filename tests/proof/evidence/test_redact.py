import base64

import pytest

from proof.evidence.redact import MASK, Redactor

WIREGUARD = base64.b64encode(bytes(range(32))).decode()
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaA==\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"PrivateKey = {WIREGUARD}", WIREGUARD),
        (f"presharedkey={WIREGUARD}", WIREGUARD),
        (f"  private key: {WIREGUARD}", WIREGUARD),
        (f"wireguard_private_key: '{WIREGUARD}'", WIREGUARD),
        (f'{{"PresharedKey": "{WIREGUARD}"}}', WIREGUARD),
        (KEY, "b3BlbnNzaA=="),
        (KEY.split("-----END", maxsplit=1)[0], "b3BlbnNzaA=="),
        ("root:$y$j9T$F5Jx5fExrKuPp53xLKQ..1$" + "tnSYvahCwPBHKZUspmcxMf" * 2 + ":19000", "tnSYvahCwPBHKZ"),
        ("root:$6$rounds=5000$saltsalt$" + "Ab1./" * 17 + ":1", "Ab1./Ab1./"),
        ("{BLF-CRYPT}$2y$05$" + "Ab1./" * 10 + "abc", "Ab1./Ab1./"),
        ("POSTGRES_PASSWORD=hunter2hunter2", "hunter2hunter2"),
        ("password: 'hunter2hunter2'", "hunter2hunter2"),
        ("postgresql://dovecot:hunter2@10.100.0.25/mail", "hunter2"),
        ("SCRAM-SHA-256$4096:c2FsdA==$c3RvcmVk:c2VydmVy", "c3RvcmVk"),
    ],
)
def test_shapes_of_secrets_are_taken_out(text: str, secret: str) -> None:
    cleaned = Redactor()(f"before\n{text}\nafter")
    assert secret not in cleaned
    assert MASK in cleaned
    assert cleaned.startswith("before\n")


@pytest.mark.parametrize(
    "text",
    [
        f"PublicKey = {WIREGUARD}",
        f"peer: {WIREGUARD}",
        "%sudo ALL=(ALL:ALL) NOPASSWD: ALL",
        "alice ALL=(ALL) NOPASSWD:/usr/bin/apt-get",
        "PasswordAuthentication no",
        "passwd: files systemd",
        "Failed password for root from 10.100.0.66 port 40000 ssh2",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE phalkonadmin",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert Redactor()(text) == text


def test_known_values_go_in_each_of_their_forms() -> None:
    redactor = Redactor()
    redactor.register("correct horse\nbattery staple\n")
    redactor.register("no")
    text = "battery staple, " + base64.b64encode(b"correct horse\nbattery staple").decode() + ", no"
    assert redactor(text) == f"{MASK}, {MASK}, no"


def test_variables_tell_by_their_name() -> None:
    redactor = Redactor()
    redactor.register_mapping({"api_token": "tok-123456", "wireguard_private_key_file": "/etc/keys/one", "port": 2288})
    assert redactor("tok-123456 /etc/keys/one") == f"{MASK} /etc/keys/one"
