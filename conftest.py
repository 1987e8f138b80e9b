"""Plugins of every pytest run in this checkout."""

pytest_plugins = ["proof.plugin.hooks", "pytester"]
