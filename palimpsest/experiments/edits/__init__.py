"""Figures 1 to 3 and 7 to 12 (single edits), and the table of all edits."""
