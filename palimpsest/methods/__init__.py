"""Methods: every row of Tables 1 and 2, and this project's own method `palimpsest`."""
