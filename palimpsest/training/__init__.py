"""Training of generators on worlds, and what all training runs share."""
