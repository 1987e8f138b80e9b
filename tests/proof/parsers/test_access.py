import json

from proof.parsers import authorized_keys, sudo_rules

BLOB = "AAAAC3NzaC1lZDI1NTE5AAAAIE5hbWVzIGFyZSBub3QgYSBzZWNyZXQsIG5laXRoZXI="


def test_everyone_whom_a_rule_names_is_named_once() -> None:
    rules = {
        "Defaults": [{"Options": [{"env_reset": True}]}],
        "User_Specs": [
            {"User_List": [{"username": "root"}], "Cmnd_Specs": []},
            {"User_List": [{"usergroup": "sudo"}, {"username": "ALL"}], "Cmnd_Specs": []},
            {"User_List": [{"usergroup": "sudo"}, {"userid": 33}, {"negated": True, "username": "ann"}]},
        ],
    }
    assert sudo_rules.named(json.dumps(rules)) == ("!ann", "#33", "%sudo", "ALL", "root")


def test_rules_that_name_no_one() -> None:
    assert sudo_rules.named("{}") == ()


def test_entries_tell_their_file_and_whether_they_ask() -> None:
    text = (
        "User ann may run the following commands on mail:\n\n"
        "Sudoers entry: /etc/sudoers\n    RunAsUsers: ALL\n    RunAsGroups: ALL\n    Commands:\n\tALL\n\n"
        "Sudoers entry: /etc/sudoers.d/10-free\n    RunAsUsers: ALL\n    Options: setenv, !authenticate\n"
        "    Commands:\n\t/bin/true\n\t/bin/false\n"
    )
    first, second = sudo_rules.entries(text)
    assert (first.file, first.asks, first.commands) == ("/etc/sudoers", True, ("ALL",))
    assert (second.file, second.asks, second.commands) == ("/etc/sudoers.d/10-free", False, ("/bin/true", "/bin/false"))


def test_files_that_visudo_has_read() -> None:
    text = "/etc/sudoers: parsed OK\n/etc/sudoers.d/README: parsed OK\n"
    assert sudo_rules.files_checked(text) == ("/etc/sudoers", "/etc/sudoers.d/README")


def test_a_key_is_known_whatever_stands_around_it() -> None:
    plain = authorized_keys.parse(f"ssh-ed25519 {BLOB} ann@laptop\n")
    dressed = authorized_keys.parse(f'# ours\n\nfrom="10.0.0.0/8",command="echo hi" ssh-ed25519 {BLOB} other words\n')
    assert plain[0].fingerprint == dressed[0].fingerprint
    assert (dressed[0].kind, dressed[0].comment) == ("ssh-ed25519", "other words")


def test_a_key_that_is_commented_out_is_none() -> None:
    assert authorized_keys.parse(f"# ssh-ed25519 {BLOB}\nnot a key\n") == ()
