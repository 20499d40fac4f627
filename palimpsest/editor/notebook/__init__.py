"""The editor in a notebook: the browser's page in a frame, its messages over the notebook's own.

`application.py` runs the server's application without a port, `relay.py` passes messages on,
`page.py` makes the page one document, and ``static/`` holds the two modules that only a notebook
needs. `widget.py` needs the extra ``palimpsest[notebook]``.
"""
