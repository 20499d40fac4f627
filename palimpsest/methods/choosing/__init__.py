"""The search of the method `palimpsest`: which exemplars and which smoothness, and who judges."""
