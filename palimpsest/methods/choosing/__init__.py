"""The search of the method `palimpsest` for exemplars and smoothness, and its judges."""
