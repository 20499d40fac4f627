"""Figures 1 to 3 and 7 to 12: what single edits do, and the table of all edits."""
