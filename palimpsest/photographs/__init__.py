"""Photographs in a generator: inverted, reproduced by adapted weights, and edited like samples."""
