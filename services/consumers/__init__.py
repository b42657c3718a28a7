"""What leaves the log for consumers without Kafka: webhooks, and feeds that they read."""
