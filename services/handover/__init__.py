"""Handovers of whole batches, as they stand."""
