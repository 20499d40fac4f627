"""Generator files: one module for each layout that is read, loading, and export."""
