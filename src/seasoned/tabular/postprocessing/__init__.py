"""Steps learned from out-of-fold predictions: pooling, calibration, thresholds, intervals."""
