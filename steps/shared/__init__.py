"""Sentences that several tasks share: one noun a module."""
