"""The two virtual machines of a lab."""

NODES = ("mail", "hub")
