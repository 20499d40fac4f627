"""The face world."""
