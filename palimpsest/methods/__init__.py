"""Methods: the rows of Tables 1 and 2, one module for each, found by `methods.registry`.

A module here names a method, its settings and its labels, and imports nothing heavy: the workflow
and the report read them all. The computations are in the packages `choosing` and `baselines`, which
are imported when a method runs.
"""
