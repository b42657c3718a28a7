"""The pages: rendered on the server, Chinese first."""
