"""What the pipeline runs: each stage is a command, ``python -m stages.NAME``."""

import gc
import sys

# A stage imports libraries first: objects by the hundred thousand that live until it ends, and a
# sixth of that time went into looking for garbage among them. `run` turns collection on again.
if sys.argv[0] == "-m":
    gc.disable()
