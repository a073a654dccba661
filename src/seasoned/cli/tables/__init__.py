"""Tables of commands: files in, predictions out, and options about both."""
