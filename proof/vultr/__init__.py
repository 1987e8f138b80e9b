"""A stand-in of Vultr's API v2: an account that keeps state, behind the address that the real provider calls."""
