"""Other people's libraries, thinly: `seasoned.integrations.optuna`. Each needs its extra; nothing is imported here."""
