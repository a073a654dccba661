"""In-context network: labelled examples go in as context, predictions of queries come out, in one forward pass."""
