"""Files of generators: one module for each layout, and loading and export."""
