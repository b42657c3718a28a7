"""Processes that follow the log: read models kept, folded anew, compared, and how far behind each follower is."""
