"""Section 5.2, Table 3 and Figure 5: watermarks erased by units and by rules."""
