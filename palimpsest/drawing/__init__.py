"""Sessions drawn from labels, as a person would draw them by hand; one module for each world."""
