"""From what a publisher sends to its receipt: the envelope, its signature, the one handler, what became of it."""
