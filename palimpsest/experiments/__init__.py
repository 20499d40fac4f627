"""Experiments: a folder for each, with its measurement, its table and its figure's panel."""
