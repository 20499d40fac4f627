"""The kitchen world."""
