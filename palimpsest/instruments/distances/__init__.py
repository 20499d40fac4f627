"""Distances between images (perceptual) and between sets of images (Fréchet)."""
