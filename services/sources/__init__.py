"""Sources as they are shown: the register, what is known of each, and what is missing."""
