"""What tools print, as values: one tool a module, no host needed to test them."""
