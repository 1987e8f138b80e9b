"""Parsers of what tools print: one tool a module; their tests need no host."""
