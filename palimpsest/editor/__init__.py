"""The browser editor: copy, paste and context painted on samples, and every picture follows.

`engine.py` knows no web: the state of one author's work, and what must be computed for it.
`server.py` knows no mathematics. ``static/`` is the page.
"""
