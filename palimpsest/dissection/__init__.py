"""Dissection: which units of a layer show which class, which units cause it, and switching them."""
