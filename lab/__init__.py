"""The lab: a mail host like production, a WireGuard hub beside it, and the command `lab`."""
