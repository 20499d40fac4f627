"""Training: the resumable loop of all runs, and distillation of worlds into generators."""
