"""The API against its own description: schemathesis asks the real server what it allows, and what it forbids."""
