"""testinfra's nouns, answered at the remote side: same names, same meaning, correct where testinfra is wrong."""
