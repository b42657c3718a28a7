"""Questions about one life that need no ledger: what if, benefits, amounts month by month, another law."""
