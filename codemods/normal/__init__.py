"""TF1 that can't be planned as it stands is written otherwise first, as TF1 that means the same."""
