"""TF1 checkpoints: what is in them, where it belongs in a native program, and its conversion."""
