"""Grades of the mini generators and of the instruments."""
