"""Network dissection: units that match a class, units that cause it, and switching units."""
