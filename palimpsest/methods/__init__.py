"""Methods: the rows of Tables 1 and 2. One module a method, found by `palimpsest.methods.registry`.

A module here names a method, its settings and its labels, and imports nothing heavy: the workflow
and the report read them all. What a method computes with is in the packages below
(`choosing`, `baselines`) and is imported when the method runs.
"""
