"""Tests of the whole host's comparison."""
