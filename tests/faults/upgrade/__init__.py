"""Migrations of an upgrade that never was: they change the two largest tables, and are applied by one script alone."""
