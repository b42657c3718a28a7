"""Processes, and the only wiring."""
