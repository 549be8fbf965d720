"""Real faults on real processes: `python -m tests.faults NAME`; docs/faults.md says which, and how to add one."""
