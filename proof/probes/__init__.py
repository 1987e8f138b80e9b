"""Functions that run on a host itself: each module imports nothing but the standard library."""
