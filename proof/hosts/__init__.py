"""The hosts under test: targets from the inventory, connections to them, and the lab around them."""
