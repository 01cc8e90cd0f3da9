"""Every bound of the kernel's parts, with its reason; `limits` has those of blocks and wires."""
