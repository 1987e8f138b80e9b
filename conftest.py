"""Plugins of every pytest run in this checkout."""

SHARED_STEPS = ("accounts", "images", "logins", "network", "playbooks", "reboot", "scripts", "tunnel", "units")

pytest_plugins = ["proof.plugin.hooks", "pytester", *(f"steps.shared.{name}" for name in SHARED_STEPS)]
