"""The proof: targets, the way to them, criteria, evidence and reports."""
