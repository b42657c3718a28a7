"""Invented data for demonstrations and load tests. Nobody and no office in here exists."""
