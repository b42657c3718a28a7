"""The only home of PostgreSQL, Kafka, the eventsourcing library and cryptography."""
