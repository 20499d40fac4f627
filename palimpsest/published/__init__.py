"""Files that others published: the catalogue, fetching them, and random stand-ins of full size."""
