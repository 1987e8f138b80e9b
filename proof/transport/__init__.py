"""The connection to a host: one SSH login, a Python interpreter at its end, and testinfra's API on top."""
