"""Watches a host: proves it on schedule, and tells what changed."""
