"""Section 5.3 and Figure 6: the rule of the kitchen's reflections, inverted."""
