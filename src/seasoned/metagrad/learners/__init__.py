"""Meta-learners: MAML and its kin, prototypes, ridge heads, and the adapted model."""
