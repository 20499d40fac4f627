"""Figure S6: the units of a class, switched off everywhere and on at chosen places."""
