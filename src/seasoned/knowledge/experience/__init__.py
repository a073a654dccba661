"""Experience: stored results of past studies, with functions to read, import, export and delete studies."""
