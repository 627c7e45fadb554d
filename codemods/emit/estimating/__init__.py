"""Estimators, monitored sessions and their hooks: loops over step functions."""
