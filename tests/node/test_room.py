"""How much room a node must have on its disks."""

from pathlib import Path

import pytest

from kit.mounts import small_disk
from node.room import require_room
from primitives import limits
from primitives.errors import OperatorFault
from storage.remedies import free_bytes


def test_the_reserve_is_enough_and_a_byte_less_is_not(tmp_path: Path) -> None:
    """DISK_FREE_BYTES_MIN, where the database is or will be."""
    with small_disk(tmp_path / "disk", size=str(limits.DISK_FREE_BYTES_MIN)) as disk:
        data = disk / "data"
        require_room(data, tmp_path)
        (disk / "hog").write_bytes(b"1")
        free = free_bytes(data)

        with pytest.raises(OperatorFault) as caught:
            require_room(data, tmp_path)

    assert free < limits.DISK_FREE_BYTES_MIN
    assert str(caught.value) == (
        f"the disk of {data} is nearly full: {free:,} bytes are free, a node needs 201,326,592; "
        "nothing is lost: make room, then start the node again"
    )
