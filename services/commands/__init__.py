"""The commands of the terminal that are more than one process: their options, and what they say when they fail."""
