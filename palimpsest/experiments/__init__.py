"""Experiments: a folder for each thing that is measured, with its measurement, table and panel."""
