"""Meta-learners: MAML and its variants, prototypical networks, ridge heads, and the adapted model."""
