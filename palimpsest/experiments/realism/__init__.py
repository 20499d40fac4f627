"""The realism study: which of two images people take for the real one."""
