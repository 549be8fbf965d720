"""The scripts, one promise each; see `tests.faults.script`."""
