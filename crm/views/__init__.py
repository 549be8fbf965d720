"""Edges of the CRM: REST, CSV files, passwords."""
