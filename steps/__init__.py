"""What each sentence of the features does: one module a task, `conftest` for what they share."""
