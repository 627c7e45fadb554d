"""Graphs that are read from files."""
