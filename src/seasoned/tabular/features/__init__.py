"""Feature engineering, fitted inside each fold: the steps (`pipeline.py` lists them), one file per step."""
