"""1.2.4: the administrator's key opens the host, and nothing else does."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from pytest_bdd import given, parsers, scenarios, then, when
from testinfra.host import Host

from proof.clients.openssh import Admin, Login
from proof.hosts.target import Target, resolve
from proof.parsers import authorized_keys, ssh_login, sshd
from proof.probes import accounts as onsite_accounts
from proof.probes.accounts import Accounts
from steps.shared.logins import through_the_host_itself

scenarios("../features/task_1.2.4.feature")

NO_LOGIN = frozenset({"nologin", "false", "sync"})
QUESTIONS = (
    "passwordauthentication",
    "kbdinteractiveauthentication",
    "hostbasedauthentication",
    "gssapiauthentication",
)
OTHER_SOURCES = ("authorizedkeyscommand", "trustedusercakeys", "authorizedprincipalscommand")

Settings = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Lists:
    """What decides who may log in as the administrator: the server's settings, and each list with its keys."""

    settings: Settings
    keys: Mapping[str, tuple[authorized_keys.Key, ...]]


def settings_for(mail: Host, target: Target, user: str) -> Settings:
    """sshd's effective settings for a user who connects from the VPN."""
    came_from = f"user={user},host=client,addr={target.text('hub_vpn_address')}"
    arrived_at = f"laddr={target.text('vpn_address')},lport={target.number('ssh_port')}"
    return sshd.parse(mail.check_output("sshd -T -C %s -C %s", came_from, arrived_at))


@when("a client without a key tries to log in as phalkonadmin", target_fixture="login")
def try_without_key(admin: Admin) -> ssh_login.Login:
    """The client has nothing to offer, and would answer questions if it were asked any."""
    tried = admin.login(options=("-vv", "-o", "PubkeyAuthentication=no"))
    assert tried.denied, f"the server did not refuse a login without a key:\n$ {tried.command}\n{tried.stderr}"
    return ssh_login.parse(tried.stderr)


@when("root tries to log in with the administrator's key from the host itself", target_fixture="attempt")
def root_tries_from_inside(admin: Admin, target: Target) -> Login:
    """The administrator's path leads to the host; from there the login starts."""
    return admin.login(user="root", options=through_the_host_itself(target), timeout=60)


@given("every account of the mail host that has a login shell", target_fixture="with_shell")
def accounts_with_shell(mail: Host) -> list[str]:
    found: Accounts = mail.call(onsite_accounts.read)
    return [u["name"] for u in found["users"] if PurePosixPath(u["shell"]).name not in NO_LOGIN]


@when("the server's settings for each of them are asked for", target_fixture="settings")
def ask_settings(mail: Host, target: Target, with_shell: list[str]) -> dict[str, Settings]:
    """The settings in force, after every Match block."""
    return {user: settings_for(mail, target, user) for user in with_shell}


@then("none of them may use a password or keyboard-interactive")
def no_questions(settings: dict[str, Settings]) -> None:
    on = [
        f"{user}: {word} {found[word]}"
        for user, found in settings.items()
        for word in QUESTIONS
        if found.get(word, ("no",)) != ("no",)
    ]
    assert settings, "on mail no one has a login shell"
    assert not on, f"sshd on mail would accept: {on}"


@given("the files that decide who may log in as phalkonadmin", target_fixture="lists")
def read_lists(mail: Host, target: Target) -> Lists:
    """Every list that the server would look into for the administrator."""
    user = target.text("admin_user")
    home = mail.user(user).home
    settings = settings_for(mail, target, user)
    keys = {}
    for pattern in settings["authorizedkeysfile"][0].split():
        path = pattern.replace("%h", home).replace("%u", user)
        file = mail.file(str(PurePosixPath(home) / path))
        if file.exists:
            keys[file.path] = authorized_keys.parse(file.content_string)
    return Lists(settings, keys)


@then(parsers.re("(?P<what>the list of keys|the folder around the list) is phalkonadmin's alone"))
def is_private(mail: Host, target: Target, lists: Lists, what: str) -> None:
    """Each list that exists, at least one; who can write to its folder can replace it."""
    user = target.text("admin_user")
    folders = what == "the folder around the list"
    paths = {str(PurePosixPath(path).parent) for path in lists.keys} if folders else {*lists.keys}
    seen = {path: (mail.file(path).user, f"{mail.file(path).mode:04o}") for path in paths}
    assert seen, f"on mail there is no list of keys for {user}"
    assert set(seen.values()) == {(user, "0700" if folders else "0600")}, f"{what} on mail: {seen}"


@then("they hold the administrator's key and no other")
def no_other_key(target: Target, lists: Lists) -> None:
    """The key that the inventory names."""
    ours = authorized_keys.parse(resolve(target.text("admin_public_key_file")).read_text(encoding="utf-8"))
    found = {path: [str(key) for key in keys] for path, keys in lists.keys.items()}
    prints = {key.fingerprint for keys in lists.keys.values() for key in keys}
    assert prints == {key.fingerprint for key in ours}, f"keys on mail: {found}; the administrator's: {ours}"


@then("the server has no other source of keys")
def no_other_source(lists: Lists) -> None:
    """Neither a program nor an authority that could vouch for a stranger."""
    found = {word: lists.settings.get(word, ("none",)) for word in OTHER_SOURCES}
    assert set(found.values()) == {("none",)}, f"sshd on mail takes keys from elsewhere: {found}"
