"""The stages of the pipeline: each is a command, ``python -m stages.NAME``."""

import gc
import sys

# A stage first imports libraries, whose many objects live until it ends; garbage collection took a
# sixth of that time. `run` turns it on again.
if sys.argv[0] == "-m":
    gc.disable()
