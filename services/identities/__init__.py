"""Who asks: accounts, secrets and passwords, tokens, sessions."""
