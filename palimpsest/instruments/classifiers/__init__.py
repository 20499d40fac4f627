"""Classifiers: whether an image shows an attribute, such as a smile."""
