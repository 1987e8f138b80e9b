"""`lab rehearse`: runs the suite against the lab as if it were the production host."""
