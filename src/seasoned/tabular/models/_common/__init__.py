"""Parts that families of models share: the protocol, transforms of targets, samples of rows."""
