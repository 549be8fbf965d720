"""The shapes in which triggers, executions, events and the trail are answered."""
