"""Files: atomic writes, verified reads, resumed downloads, locks of live runs."""
