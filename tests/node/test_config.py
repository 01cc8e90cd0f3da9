"""A node's config.toml: read whole, every fault reported, nothing in it that consensus reads."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.config import (
    Address,
    ApiConfig,
    BootstrapConfig,
    Config,
    ConfigFault,
    LogConfig,
    LogLevel,
    P2pConfig,
    SnapshotsConfig,
    config_text,
    load_config,
)
from node.retention import Policy
from primitives import limits
from primitives.errors import OperatorFault

SMALLEST = """
name = "finance"
[p2p]
listen = "127.0.0.1:17000"
[api]
listen = "127.0.0.1:18000"
"""


def read(folder: Path, text: str) -> Config:
    (folder / "config.toml").write_text(text)
    return load_config(folder / "config.toml")


def faults(folder: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigFault) as refused:
        read(folder, text)
    return refused.value.faults


def test_what_is_left_out_has_its_default(tmp_path: Path) -> None:
    """A node needs a name and two addresses."""
    assert read(tmp_path, SMALLEST) == Config(
        name="finance",
        p2p=P2pConfig(listen=Address("127.0.0.1:17000"), advertise=(), bootstrap=()),
        api=ApiConfig(listen=Address("127.0.0.1:18000")),
        log=LogConfig(level=LogLevel.INFO),
    )


@pytest.mark.parametrize(
    ("part", "least"),
    [
        ("bodies", limits.RETENTION_HEIGHTS_MIN),
        ("receipts", limits.RETENTION_HEIGHTS_MIN),
        ("index", limits.RETENTION_HEIGHTS_MIN),
        ("state", limits.RETENTION_STATE_MIN),
    ],
)
def test_so_many_heights_are_kept_at_least(part: str, least: int, tmp_path: Path) -> None:
    """Or all; what else stands there is a fault, and one less is too few."""
    expected = f"retention.{part}: expected a number of heights, at least {least}, or all, found "
    section = f"{SMALLEST}[retention]\n{part} = "

    assert getattr(read(tmp_path, f"{section}{least}").retention, part) == least
    assert getattr(read(tmp_path, f'{section}"all"').retention, part) == "all"
    for wrong in (least - 1, -1, "true", '"some"', 1.5):
        (found,) = faults(tmp_path, f"{section}{wrong}")
        assert found.startswith(expected)


def test_what_is_not_said_is_kept(tmp_path: Path) -> None:
    """Only old states are dropped by default: they follow from the blocks."""
    policy = read(tmp_path, SMALLEST).retention

    assert policy == Policy(
        bodies="all", receipts="all", index="all", state=limits.STATE_HEIGHTS_KEPT
    )


def test_whom_a_node_dials_first_has_a_node_key_and_an_address(tmp_path: Path) -> None:
    """Its name is the chain's to say, sooner or later."""
    config = read(
        tmp_path,
        f'{SMALLEST}[[p2p.bootstrap]]\nnode_id = "{"1f" * 32}"\naddress = "[::1]:17001"\n',
    )

    (entry,) = config.p2p.bootstrap
    assert (entry.node_key, entry.address, entry.name) == (
        bytes.fromhex("1f" * 32),
        "[::1]:17001",
        "",
    )


def test_the_list_of_who_may_connect_is_gone_and_the_fault_says_what_to_write(
    tmp_path: Path,
) -> None:
    """An operator who comes from an earlier version need not search."""
    peer = f'[[p2p.peers]]\nname = "interior"\nnode_id = "{"1f" * 32}"\naddress = "a:1"\n'

    (fault,) = faults(tmp_path, SMALLEST + peer)

    assert fault.startswith("p2p.peers: there is no such setting any more: who may connect stands")
    assert "Write [[p2p.bootstrap]] with node_id and address" in fault


@pytest.mark.parametrize(
    ("listen", "advertise", "told"),
    [
        ("10.0.0.1:17", (), ("10.0.0.1:17",)),
        ("0.0.0.0:17", (), ()),
        ("[::]:17", (), ()),
        ("0.0.0.0:17", ("a.example:1", "[::1]:2"), ("a.example:1", "[::1]:2")),
        ("10.0.0.1:17", ("a.example:1",), ("a.example:1",)),
    ],
)
def test_others_are_told_where_a_node_listens_unless_it_says_otherwise(
    listen: str, advertise: tuple[str, ...], told: tuple[str, ...]
) -> None:
    """Everywhere is no address that anybody can dial."""
    p2p = P2pConfig(listen=Address(listen), advertise=advertise)

    assert p2p.advertised(listen) == told


@pytest.mark.parametrize(
    ("setting", "most"),
    [("advertise", limits.ADDRESSES_PER_PEER_MAX), ("bootstrap", limits.BOOTSTRAP_MAX)],
)
def test_lists_of_addresses_are_bounded(setting: str, most: int, tmp_path: Path) -> None:
    """At the limit, and one more."""

    def text(count: int) -> str:
        entries = [f'{{node_id = "{index:064x}", address = "a:1"}}' for index in range(count)]
        if setting == "advertise":
            entries = [f'"a:{index + 1}"' for index in range(count)]
        return SMALLEST.replace("[p2p]\n", f"[p2p]\n{setting} = [{', '.join(entries)}]\n")

    assert len(getattr(read(tmp_path, text(most)).p2p, setting)) == most
    assert faults(tmp_path, text(most + 1)) == (
        f"p2p.{setting}: {most + 1} entries, expected at most {most}",
    )


def test_three_faults_are_reported_at_once(tmp_path: Path) -> None:
    """Each with where it is, what was expected and what was found."""
    found = faults(
        tmp_path,
        'name = ""\n[p2p]\nlisten = "17000"\n[api]\nlisten = "127.0.0.1:18000"\n'
        '[log]\nlevel = "loud"\n',
    )

    assert found == (
        f"name: expected a name of 1 to {limits.NAME_LENGTH_MAX} characters, found ''",
        "p2p.listen: expected host:port, such as 127.0.0.1:17000, found '17000'",
        "log.level: expected one of debug, info, warning, error, found 'loud'",
    )


def test_the_message_names_the_file_and_counts_the_faults(tmp_path: Path) -> None:
    """One line each below it."""
    with pytest.raises(OperatorFault) as refused:
        read(tmp_path, 'name = "finance"\n[p2p]\nlisten = 1\n')

    first, *rest = str(refused.value).splitlines()
    assert first == f"{tmp_path / 'config.toml'} has 2 faults:"
    assert len(rest) == 2


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (SMALLEST.replace('name = "finance"', ""), ("name: expected a name of 1 to 128 characters, "
         "found nothing")),
        (SMALLEST + "[logs]\n", "logs: there is no such setting; did you mean log?"),
        (SMALLEST + "t0_ms = 5\n", "api.t0_ms: there is no such setting"),
        (SMALLEST + "log = 3\n", "api.log: there is no such setting"),
        ("log = 3\n" + SMALLEST, "log: expected a table, found 3"),
        (SMALLEST.replace("[p2p]\n", "[p2p]\nbootstrap = 3\n"),
         "p2p.bootstrap: expected a list, found 3"),
        (SMALLEST.replace("[p2p]\n", "[p2p]\nbootstrap = [3]\n"),
         "p2p.bootstrap[0]: expected a table, found 3"),
        (SMALLEST.replace("[p2p]\n", "[p2p]\nadvertise = ['10.0.0.1:0']\n"),
         ("p2p.advertise[0]: expected host:port that can be dialled, such as 10.0.0.2:17000, found "
         "'10.0.0.1:0'")),
        (SMALLEST.replace('"127.0.0.1:18000"', "18000"),
         "api.listen: expected host:port, such as 127.0.0.1:17000, found 18000"),
        (SMALLEST.replace("18000", "99999"),
         "api.listen: expected host:port, such as 127.0.0.1:17000, found '127.0.0.1:99999'"),
        (SMALLEST.replace("18000", "17000"),
         "api.listen: expected another port than p2p.listen, 127.0.0.1:17000"),
        (SMALLEST + '[[p2p.bootstrap]]\nnode_id = "1F"\naddress = "a:1"\n',
         ("p2p.bootstrap[0].node_id: expected 64 hexadecimal digits, the public half of the other "
         "node's node.key, found '1F'")),
        (SMALLEST + f'[[p2p.bootstrap]]\nnode_id = "{"1f" * 32}"\naddress = "nowhere"\n',
         ("p2p.bootstrap[0].address: expected host:port that can be dialled, such as "
         "10.0.0.2:17000, found 'nowhere'")),
        (SMALLEST + f'[[p2p.bootstrap]]\nnode_id = "{"1f" * 32}"\n',
         ("p2p.bootstrap[0].address: expected host:port that can be dialled, such as "
         "10.0.0.2:17000, found nothing")),
    ],
)  # fmt: skip
def test_each_fault_is_named(tmp_path: Path, text: str, fault: str) -> None:
    """By its path in the file."""
    assert faults(tmp_path, text) == (fault,)


def test_a_node_is_listed_once(tmp_path: Path) -> None:
    """With one address: the others it tells itself."""
    entry = f'[[p2p.bootstrap]]\nnode_id = "{"1f" * 32}"\naddress = "a:1"\n'

    assert faults(tmp_path, SMALLEST + entry + entry) == (
        f"p2p.bootstrap: 2 entries have the node id {'1f' * 32}",
    )


def test_a_name_of_the_longest_length_is_accepted_and_no_longer_one(tmp_path: Path) -> None:
    """NAME_LENGTH_MAX characters."""
    longest = SMALLEST.replace("finance", "n" * limits.NAME_LENGTH_MAX)

    assert len(read(tmp_path, longest).name) == limits.NAME_LENGTH_MAX
    assert len(faults(tmp_path, longest.replace('name = "n', 'name = "nn'))) == 1


def test_what_is_not_toml_is_said_with_its_place(tmp_path: Path) -> None:
    """The parser knows line and column."""
    with pytest.raises(OperatorFault, match=r"is not TOML: .*line 1, column"):
        read(tmp_path, "name = finance\n")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """And what would make it."""
    with pytest.raises(OperatorFault, match=r"config\.toml is missing: `mithaq init` makes"):
        load_config(tmp_path / "config.toml")


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    """Before it is parsed."""
    with pytest.raises(OperatorFault, match="has more than 1048576 bytes"):
        read(tmp_path, "#" * (1024 * 1024 + 1))


names = st.text(
    st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=limits.NAME_LENGTH_MAX
)
ports = st.integers(1, 65535)
configs = st.builds(
    lambda name, port, peers, level: Config(
        name=name,
        p2p=P2pConfig(
            listen=Address(f"127.0.0.1:{port}"),
            advertise=(f"a.example:{port}",) if peers else (),
            bootstrap=tuple(
                BootstrapConfig(
                    name=peer, node_id=bytes([index] * 32).hex(), address=f"10.0.0.1:{port}"
                )
                for index, peer in enumerate(peers)
            ),
        ),
        api=ApiConfig(listen=Address(f"127.0.0.2:{port}")),
        log=LogConfig(level=level),
    ),
    names,
    ports,
    st.lists(names, unique=True, max_size=4),
    st.sampled_from(LogLevel),
)


@given(configs)
def test_what_is_written_reads_back(
    tmp_path_factory: pytest.TempPathFactory, config: Config
) -> None:
    """Whatever a name holds."""
    folder = tmp_path_factory.mktemp("node")

    assert read(folder, config_text(config)) == config


def test_snapshots_are_written_only_where_the_operator_says_so(tmp_path: Path) -> None:
    """None by default; else at the heights that a number divides, and some of them stay."""
    assert read(tmp_path, SMALLEST).snapshots == SnapshotsConfig(every=0, keep=2)
    said = read(tmp_path, SMALLEST + "[snapshots]\nevery = 1000\nkeep = 1\n").snapshots
    assert said == SnapshotsConfig(every=1_000, keep=1)


@pytest.mark.parametrize(
    ("setting", "most"),
    [("every", limits.SNAPSHOTS_APART_MAX), ("keep", limits.SNAPSHOTS_KEPT_MAX)],
)
def test_the_numbers_of_snapshots_are_bounded(tmp_path: Path, setting: str, most: int) -> None:
    """At the limit, above it, and below: a fault says what was expected."""
    read(tmp_path, f"{SMALLEST}[snapshots]\n{setting} = {most}\n")
    for wrong in (most + 1, -1):
        (fault,) = faults(tmp_path, f"{SMALLEST}[snapshots]\n{setting} = {wrong}\n")
        assert fault.startswith(f"snapshots.{setting}: expected a number")
        assert fault.endswith(f"found {wrong}")
