"""The commands of `palimpsest`, and what they share. The stages call the same library."""
