"""Held-out photographs and renders: found in a generator, reproduced, and edited."""
