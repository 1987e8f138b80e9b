"""The pytest plugin: options, fixtures and hooks of a run against a host."""
