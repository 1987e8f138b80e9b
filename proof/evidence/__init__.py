"""The record of a run: scenarios, steps, commands and their output, without secrets."""
