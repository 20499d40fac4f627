"""The horse world."""
