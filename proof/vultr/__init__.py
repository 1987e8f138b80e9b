"""A stand-in of Vultr's API v2: an account with state, behind the address that the real provider calls."""
