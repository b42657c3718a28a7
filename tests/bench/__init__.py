"""What the system costs, measured against the stock library and against PostgreSQL itself: `make bench`."""
