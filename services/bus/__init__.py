"""Kafka: what departments publish comes in by Faust, what leaves the log goes out by the relay, over topics with rules of access."""
