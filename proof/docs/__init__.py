"""Living documentation: what holds, where, since when, on what evidence; computed from features and runs."""
