"""A long run of feeds: what they use must not grow, and every frame must be accounted for."""
