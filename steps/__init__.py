"""The steps of the features: one module a task, `shared` for sentences of several tasks."""
