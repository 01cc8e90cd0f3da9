"""The laws of the world, judged after every deed; each is a watch that raises its violations."""
