"""Disks that lose power on cue: those of the simulator."""

from sim.disk import Danger, MortalDatabase, MortalFile, PowerLoss

__all__ = ["Danger", "MortalDatabase", "MortalFile", "PowerLoss"]
