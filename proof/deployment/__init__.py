"""Runs terraform/deploy.sh against a stand-in of Vultr's API."""
