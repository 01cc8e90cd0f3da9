"""The world under one seed: production nodes on a simulated network, clock and disk."""
