"""The saved model: one zip archive, its parameters, and the checks of a file that is loaded."""
