"""The report in the terminal: failures, and the table of tasks."""
