"""How dates are written; Django looks here first (`FORMAT_MODULE_PATH`)."""
