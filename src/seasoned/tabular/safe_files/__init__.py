"""Model files from untrusted sources: every byte is checked before compiled code reads it."""
