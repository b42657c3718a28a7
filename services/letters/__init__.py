"""Dead letters: what could not be taken in, looked at, sent again, mended or given up."""
