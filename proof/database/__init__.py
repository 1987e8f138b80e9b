"""How the mail database is asked: its rights, its hashes, its services."""
