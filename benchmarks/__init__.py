"""What Triggerfish costs, measured on a whole running system: `make bench`."""
