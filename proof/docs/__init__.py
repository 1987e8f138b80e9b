"""The computed documentation: what holds, on which target, since when, on what evidence."""
