"""`changqing run`: everything on one machine, on embedded real servers."""
