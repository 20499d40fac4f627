"""Edits compared with the world's own render of the new rule."""
