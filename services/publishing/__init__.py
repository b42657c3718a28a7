"""`changqing publish`: a file of events to a ledger somewhere else, by the publishers' client."""
