"""Segmenters: a class label for each pixel of an image."""
