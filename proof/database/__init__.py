"""The mail database: its logins, its rights, its password hashes, its services."""
