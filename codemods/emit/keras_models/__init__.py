"""Layers, and functions that make layers and variables, as Keras layers and models."""
