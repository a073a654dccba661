"""Model files from strangers: every byte is checked before compiled code sees it."""
