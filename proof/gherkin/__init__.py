"""The feature files: criteria, scenarios, sabotages, the operator's plan, and their lint."""
