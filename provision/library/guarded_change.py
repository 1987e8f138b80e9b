#!/usr/bin/python3
"""Change files and run commands under a dead-man switch that puts the previous state back."""

from __future__ import annotations

import json
import os
import pwd
import shlex
import shutil
import tempfile
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: guarded_change
short_description: Change files and activate them under a dead-man switch
description:
  - Compares the files with what is wanted. Where nothing differs, nothing happens.
  - Otherwise keeps the previous state below C(/run/deadman/NAME), arms the timer C(deadman-NAME.timer), writes the
    files and runs the commands. When the timer elapses, the previous state comes back.
  - Whoever armed it proves the way in from a new login and stops the timer (role deadman).
options:
  name: {description: Name of the switch, type: str, required: true}
  seconds: {description: Time until the previous state comes back, type: int, default: 300}
  files:
    description: Files that shall exist with a content or a copy of another file, or be absent.
    type: list
    elements: dict
    default: []
    suboptions:
      path: {description: Absolute path, type: path, required: true}
      content: {description: The whole content, type: str}
      copy_of: {description: File on the host that this one shall equal, type: path}
      mode: {description: Mode in octal, type: str, default: '0644'}
      owner: {description: Account that the file belongs to with its own group, type: str, default: root}
      state: {description: Whether the file shall exist, type: str, choices: [present, absent], default: present}
  snapshot:
    description: Further files that the commands change and that the switch puts back.
    type: list
    elements: path
    default: []
  validate: {description: Commands that must succeed before the others run, type: list, elements: list, default: []}
  activate: {description: Commands that make the new state effective, type: list, elements: list, default: []}
  restore:
    description: Commands that run after the previous files are back; those of O(activate) by default.
    type: list
    elements: list
  force: {description: Activate although no file differs, type: bool, default: false}
author: [mail-lab]
"""

RETURN = r"""
armed: {description: Whether the switch is armed and waits for a confirmation, type: bool, returned: always}
files: {description: Paths that differed, type: list, elements: str, returned: always}
"""


class Switch:
    """A dead-man switch: its folder with the previous state, its script and its timer."""

    def __init__(self, module: AnsibleModule, name: str) -> None:
        self.module = module
        self.unit = f"deadman-{name}"
        self.folder = Path("/run/deadman") / name
        self.script = self.folder / "restore.sh"
        self.manifest = self.folder / "previous.json"
        self.undo_command = ["/bin/bash", str(self.script)]  # /run is mounted noexec

    def pending(self) -> bool:
        """Whether an earlier change still waits for its confirmation."""
        status, _, _ = self.module.run_command(["systemctl", "--quiet", "is-active", f"{self.unit}.timer"])
        return status == 0 and self.script.exists()

    def arm(self, paths: list[str], restore: list[list[str]], seconds: int) -> None:
        """Keep what the paths hold now, unless an unconfirmed change already kept it, and start the timer."""
        pending = self.pending()
        if self.folder.exists() and not pending:
            shutil.rmtree(self.folder)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        previous: dict[str, str | None] = json.loads(self.manifest.read_text()) if pending else {}
        for path in paths:
            if path not in previous:
                previous[path] = self._keep(path, len(previous))
        self.manifest.write_text(json.dumps(previous))
        self.script.write_text(self._restore_script(previous, restore))
        if pending:
            self._run(["systemctl", "stop", f"{self.unit}.timer"])
        timer = [f"--unit={self.unit}", f"--on-active={seconds}", "--timer-property=AccuracySec=1s"]
        self._run(["systemd-run", "--quiet", "--collect", *timer, *self.undo_command])

    def undo(self) -> None:
        """Put the previous state back now."""
        self.module.run_command(["systemctl", "stop", f"{self.unit}.timer"])
        self.module.run_command(self.undo_command)

    def _keep(self, path: str, number: int) -> str | None:
        if not os.path.lexists(path):
            return None
        kept = self.folder / str(number)
        shutil.copy2(path, kept)
        state = Path(path).stat()
        os.chown(kept, state.st_uid, state.st_gid)
        return str(kept)

    def _restore_script(self, previous: dict[str, str | None], restore: list[list[str]]) -> str:
        lines = [f"logger -t {self.unit} 'putting the previous state back'"]
        for path, kept in previous.items():
            lines.append(f"cp -p {kept} {shlex.quote(path)}" if kept else f"rm -f {shlex.quote(path)}")
        lines.extend(shlex.join(command) for command in restore)
        lines.append(f"rm -rf {self.folder}")
        return "\n".join(lines) + "\n"

    def _run(self, command: list[str]) -> None:
        status, out, err = self.module.run_command(command)
        if status != 0:
            self.module.fail_json(msg=f"{shlex.join(command)}: {err or out}")


def wanted_content(file: dict[str, str | None]) -> bytes | None:
    """The content that a file must have; None if it must not exist."""
    if file["state"] == "absent":
        return None
    if file["copy_of"]:
        return Path(str(file["copy_of"])).read_bytes()
    return (file["content"] or "").encode()


def owners(file: dict[str, str | None]) -> tuple[int, int]:
    """UID and GID that a file must have. Raises KeyError if there is no such account."""
    account = pwd.getpwnam(str(file["owner"]))
    return account.pw_uid, account.pw_gid


def differs(file: dict[str, str | None]) -> bool:
    """Whether a file's content, mode or owner is not as wanted."""
    path = Path(str(file["path"]))
    content = wanted_content(file)
    if content is None:
        return os.path.lexists(path)
    if path.is_symlink() or not path.is_file() or path.read_bytes() != content:
        return True
    state = path.stat()
    return (state.st_uid, state.st_gid, state.st_mode & 0o7777) != (*owners(file), int(str(file["mode"]), 8))


def write(module: AnsibleModule, file: dict[str, str | None]) -> None:
    """Replace or remove a file; a reader sees the old or the new one, never half of it."""
    path = Path(str(file["path"]))
    content = wanted_content(file)
    if content is None:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    handle, new = tempfile.mkstemp(dir=module.tmpdir)
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
    module.atomic_move(new, str(path))
    os.chown(path, *owners(file))
    path.chmod(int(str(file["mode"]), 8))


def run_all(module: AnsibleModule, commands: list[list[str]], switch: Switch) -> None:
    """Run commands in order; the first failure undoes the change and ends the module."""
    for command in commands:
        status, out, err = module.run_command(command)
        if status != 0:
            switch.undo()
            module.fail_json(msg=f"{shlex.join(command)} failed; the previous state is back: {(err or out).strip()}")


def main() -> None:
    """Entry point."""
    command_list = {"type": "list", "elements": "list"}
    file_options = {
        "path": {"type": "path", "required": True},
        "content": {"type": "str"},
        "copy_of": {"type": "path"},
        "mode": {"type": "str", "default": "0644"},
        "owner": {"type": "str", "default": "root"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    }
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "seconds": {"type": "int", "default": 300},
            "files": {"type": "list", "elements": "dict", "options": file_options, "default": []},
            "snapshot": {"type": "list", "elements": "path", "default": []},
            "validate": {**command_list, "default": []},
            "activate": {**command_list, "default": []},
            "restore": command_list,
            "force": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    wanted = module.params
    switch = Switch(module, wanted["name"])
    wrong = [file for file in wanted["files"] if differs(file)]
    paths = [file["path"] for file in wrong]
    if not wrong and not wanted["force"]:
        pending = switch.pending()
        module.exit_json(changed=pending, armed=pending, files=paths)
    if module.check_mode:
        module.exit_json(changed=True, armed=False, files=paths)
    restore = wanted["activate"] if wanted["restore"] is None else wanted["restore"]
    switch.arm(paths + wanted["snapshot"], restore, wanted["seconds"])
    for file in wrong:
        write(module, file)
    run_all(module, wanted["validate"] + wanted["activate"], switch)
    module.exit_json(changed=True, armed=True, files=paths)


if __name__ == "__main__":
    main()
