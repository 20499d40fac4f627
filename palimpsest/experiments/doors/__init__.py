"""Figure S1: a door placed into open sky, by several ways."""
