"""Numbers from numbers: intervals, error rates, agreement, and estimates as table columns."""
