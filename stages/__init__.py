"""The stages of the pipeline: each is a command, ``python -m stages.NAME``."""

import gc
import os
import sys

if sys.argv[0] == "-m":
    if os.environ.get("PALIMPSEST_JOB_SERVER") == "on":
        from palimpsest.pipeline.job_client import hand_over

        hand_over(sys.orig_argv)

    # A stage first imports libraries, whose many objects live until it ends; garbage collection
    # took a sixth of that time. `run` turns it on again.
    gc.disable()
