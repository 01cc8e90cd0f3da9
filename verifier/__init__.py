"""The citizen's offline check of a proof, independent of the node."""
