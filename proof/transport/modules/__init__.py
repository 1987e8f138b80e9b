"""testinfra's nouns, answered natively at the other end; same names, same meaning, right where testinfra is wrong."""
