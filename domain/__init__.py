"""Facts, entitlement, alerts and decisions, as pure functions: no I/O, no clock, no framework."""
