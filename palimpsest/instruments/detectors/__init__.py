"""Detectors of one thing in an image: watermarks, reflections."""
