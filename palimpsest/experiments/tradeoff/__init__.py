"""Figure S2: effect against locality over smoothness, rank and number of exemplars."""
