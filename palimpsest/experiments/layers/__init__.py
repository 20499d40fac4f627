"""Appendix H: the layer probe, the layers it names, and edits made at every layer."""
