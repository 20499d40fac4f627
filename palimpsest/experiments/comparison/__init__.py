"""Tables 1 and 2 and Figure 4: the same edits by every method."""
